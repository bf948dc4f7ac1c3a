import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { openWallet, type Wallet } from "../../node/chain/wallet.ts";
import { isLedgerName, RESTORE_GAP, type Succession, signSuccession } from "../signed-statement.ts";
import { type GatewayStore, identityFolder, openGatewayStore } from "./gateway-store.ts";

/** The next key, until the receipts name it. */
function nextIdentity(folder: string): string {
  return join(folder, "identity-next");
}

/**
 * Gives a stopped gateway a new key: the old one signs the new, and readers that pinned either follow. The old key is
 * kept beside it as `identity-before-NUMBER`. Killed in between, it is finished by the next start or call.
 *
 * Errors: `GATEWAY_RUNS` when receipts were made meanwhile.
 */
export async function rotateKey(folder: string): Promise<Succession> {
  const [before, next] = [await openWallet(identityFolder(folder)), await openWallet(nextIdentity(folder))];
  await using store = openGatewayStore(folder);
  const { newest, head } = await store.call("ledgerHead", null);
  const body = {
    ...following(newest, before.hotkey),
    kind: "rotate",
    ledger: newest.ledger,
    previous: head,
    first_seq: Math.max(newest.first_seq, (head?.gateway_seq ?? 0) + 1),
    gateway_hotkey: next.hotkey,
    at_ms: Date.now(),
  } as const;
  const succession = signSuccession(body, next, before);
  await add(store, succession);
  await store[Symbol.asyncDispose]();
  await takeNextIdentity(folder, succession.gateway_hotkey);
  return succession;
}

/**
 * Starts a new ledger after a backup was brought back: what came behind its last receipt was lost, and the numbers go
 * on far behind those that may have been given. Where the key was lost, too, the folder's new one signs, and readers must
 * pin it. Errors: `INPUT_INVALID`, `GATEWAY_RUNS`, `LEDGER_NAME_TAKEN`.
 */
export async function restoreLedger(folder: string, ledger: string): Promise<Succession> {
  if (!isLedgerName(ledger)) {
    throw new EngramError("INPUT_INVALID", "this is no name for a ledger", {
      fix: "give 1 to 64 letters, digits, dots, dashes",
    });
  }
  const wallet = await openWallet(identityFolder(folder));
  await using store = openGatewayStore(folder, { anyKey: true });
  const { newest, head } = await store.call("ledgerHead", null);
  const known = await store.call("successions", null);
  if (known.some((one) => one.ledger === ledger)) {
    throw new EngramError("LEDGER_NAME_TAKEN", "a ledger of this gateway has that name already", {
      fix: "give it another name",
    });
  }
  const succession = signSuccession(
    {
      ...following(newest, newest.gateway_hotkey as Hotkey),
      kind: "restore",
      ledger,
      previous: head,
      first_seq: Math.max(newest.first_seq, head?.gateway_seq ?? 0) + RESTORE_GAP,
      gateway_hotkey: wallet.hotkey,
      at_ms: Date.now(),
    },
    wallet,
    null,
  );
  await add(store, succession);
  return succession;
}

function following(newest: Succession, previous_hotkey: Hotkey) {
  return { number: newest.number + 1, prev_statement_hash: newest.statement_hash, previous_hotkey };
}

async function add(store: GatewayStore, succession: Succession): Promise<void> {
  if (await store.call("addSuccession", { succession })) return;
  throw new EngramError("GATEWAY_RUNS", "the gateway went on while this was prepared", {
    fix: "stop the gateway, then try again",
  });
}

/**
 * The wallet of a gateway's folder. A change of key that was killed half way is finished first: `signs` is the key that
 * the receipts name, null before there are any.
 */
export async function openIdentity(folder: string, signs: Hotkey | null): Promise<Wallet> {
  if (signs !== null && existsSync(nextIdentity(folder))) {
    const next = await openWallet(nextIdentity(folder));
    if (next.hotkey === signs) await takeNextIdentity(folder, signs);
  }
  return await openWallet(identityFolder(folder));
}

/** Each step leaves what the next call needs: the old key is moved away, then the new one takes its place. */
async function takeNextIdentity(folder: string, signs: Hotkey): Promise<void> {
  if (existsSync(identityFolder(folder))) {
    await rename(identityFolder(folder), join(folder, `identity-before-${signs.slice(0, 12)}`));
  }
  await rename(nextIdentity(folder), identityFolder(folder));
}
