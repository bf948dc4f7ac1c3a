import { expect, test } from "vitest";
import { type Hotkey, hotkeyOf } from "../../src/crypto/ss58.ts";
import { openOutbox } from "../../src/relay/outbox/outbox.ts";
import type { Draft, SubmissionState } from "../../src/relay/outbox/outbox-types.ts";
import { engram, engramJson, errorOf, temporaryFolder } from "./engram.ts";

const [ME, LIAR] = [1, 2].map((byte) => hotkeyOf(new Uint8Array(32).fill(byte))) as [Hotkey, Hotkey];

interface Listed {
  readonly submissions: readonly {
    readonly job: string;
    readonly state: SubmissionState;
    readonly lastError: string;
  }[];
}

test("engram relay lists, shows, parks, replays and drops what is on its way, and shows evidence", async () => {
  const home = await temporaryFolder();
  const job = await queueAnchoring(home);
  const human = await engram(home, ["relay", "list"]);
  expect(human).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/anchoring\s+ranking.*waiting: anchor \(anchor_rate_limit\)/),
  });
  const shown = await engram(home, ["relay", "show", job]);
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/waiting: anchor/) });
  expect(await engramJson(home, ["relay", "show", job])).toMatchObject({ job, state: "anchoring", anchorBlock: null });
  expect(await engramJson(home, ["relay", "park", job])).toEqual({ job });
  expect(await list(home)).toMatchObject([{ job, state: "parked", lastError: "by_operator" }]);
  expect(await engramJson(home, ["relay", "replay", job])).toEqual({ job });
  expect(await engramJson(home, ["relay", "drop", job])).toEqual({ job });
  expect(await list(home)).toMatchObject([{ job, state: "dropped", lastError: "by_operator" }]);
  const again = await engram(home, ["relay", "park", job, "--json"]);
  expect([again.code, errorOf(again).code]).toEqual([1, "RELAY_ENDED"]);
  expect(await engramJson(home, ["relay", "status"])).toMatchObject({ states: { dropped: 1, anchoring: 0 } });

  const none = await engram(home, ["relay", "evidence"]);
  expect(none).toMatchObject({ code: 0, stdout: expect.stringContaining("No validator was seen") });
  await equivocate(home);
  const found = await engramJson<{ evidence: object[] }>(home, ["relay", "evidence"]);
  expect(found.evidence).toMatchObject([{ roundId: 7, proposer: LIAR, payloads: [{ body: "a" }, { body: "b" }] }]);
});

async function list(home: string) {
  return (await engramJson<Listed>(home, ["relay", "list"])).submissions;
}

/** A ranking that has its quorum. */
async function queueAnchoring(home: string): Promise<string> {
  await using outbox = openOutbox(home);
  const now = Date.now();
  const draft: Draft = {
    chain: "0xgenesis",
    schemaVersion: "engram-v2",
    outputType: "ranking",
    outputJson: "{}",
    outputHash: "ab".repeat(32),
    assurance: "quorum",
    netuid: 450,
    block: 350,
    blockHash: `0x${"cd".repeat(32)}`,
    roundId: 7,
  };
  const { job } = await outbox.call("enqueue", { draft, now });
  const { block, blockHash, roundId } = draft;
  const at = { block, blockHash, roundId };
  const signed = { nonce: "350:1:1", signedHash: "ef".repeat(32), body: "{}", journal: null, ...at };
  await outbox.call("release", { job, ...signed, now });
  await outbox.call("postpone", { job, state: "anchoring", nextAt: now, code: "anchor_rate_limit", http: null });
  return job;
}

/** Two payloads of one proposer in a round. */
async function equivocate(home: string): Promise<void> {
  await using outbox = openOutbox(home);
  const round = { chain: "0xgenesis", hotkey: ME, netuid: 450, roundId: 7, proposer: LIAR, now: Date.now() };
  for (const body of ["a", "b"]) await outbox.call("recordProposal", { ...round, signedHash: body.repeat(64), body });
}
