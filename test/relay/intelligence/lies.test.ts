import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toHex } from "../../../src/crypto/hex.ts";
import type { FeedItem } from "../../../src/relay/gateway/feed.ts";
import type { IntelligenceQuery } from "../../../src/relay/intelligence/types.ts";
import type { QuorumSignature, Receipt } from "../../../src/relay/receipt.ts";
import { GatewayKit } from "../gateway/gateway-kit.ts";
import { FEED, ForgedGateway, lying, openReader, type ReaderOptions } from "./reader-kit.ts";

interface Page {
  readonly external_intelligence: readonly FeedItem[];
}
interface State {
  readonly receipt: Receipt;
  readonly signatures: readonly QuorumSignature[];
  readonly submission: string;
}

const never = new AbortController().signal;
const PAGE = new RegExp(`^${FEED}$`);
const RELAY = /^\/relay\//;

let kit: GatewayKit;
beforeAll(async () => {
  kit = await GatewayKit.open();
});
afterAll(async () => {
  await kit[Symbol.asyncDispose]();
});

async function verdicts(options: ReaderOptions, query: IntelligenceQuery = { minAssurance: "author" }) {
  const reader = await openReader(kit, options);
  const { items, refused } = await reader.read(query, never);
  const all = [
    ...items.map(({ seq }) => [seq, "ok"] as const),
    ...refused.map((one) => [one.seq, one.problem] as const),
  ];
  return all.sort(([left], [right]) => left - right).map(([, verdict]) => verdict);
}

/** A forged gateway that accepted these, and how to read from it. */
async function gatewayWith(...forgeries: readonly Parameters<ForgedGateway["accept"]>[0][]) {
  const forged = await ForgedGateway.open(kit);
  for (const forgery of forgeries) await forged.accept(forgery);
  return { hotkey: forged.signer.hotkey, fetch: forged.fetch, forged };
}

const ranking = () => kit.ranking({ cosigners: kit.validators.slice(1) });

describe("what a gateway says against what it shows", () => {
  const edited = async (path: RegExp, lie: (body: never) => unknown) => {
    const { hotkey, fetch } = await gatewayWith(await ranking(), await kit.inference());
    return verdicts({ hotkey, fetch: lying(fetch, path, lie) });
  };
  const item = (change: (item: FeedItem) => object) =>
    edited(PAGE, ({ external_intelligence: [first, ...rest] }: Page) => ({
      external_intelligence: [{ ...first, ...change(first as FeedItem) }, ...rest],
    }));
  const shown = (change: (state: State) => object) =>
    edited(RELAY, (state: State) => (state.receipt.gateway_seq === 1 ? { ...state, ...change(state) } : state));

  test("nothing is refused of an honest one", async () => {
    expect(await item(() => ({}))).toEqual(["ok", "ok"]);
    expect(await shown(() => ({}))).toEqual(["ok", "ok"]);
  });

  test.each<[string, (item: FeedItem) => object, string]>([
    ["another content", () => ({ content: { scores: {} } }), "content_differs"],
    ["another block", ({ block }) => ({ block: block - 1 }), "content_differs"],
    ["another author", ({ cosignatures }) => ({ author: cosignatures[0] }), "content_differs"],
    [
      "one validator more",
      ({ author, cosignatures }) => ({ cosignatures: [...cosignatures, author] }),
      "content_differs",
    ],
    [
      "more votes than there are",
      ({ verified }) => ({ verified: { ...verified, quorum: { have: 9, need: 3 } } }),
      "quorum_missing",
    ],
    [
      "a payment that the receipt does not name",
      ({ verified }) => ({ verified: { ...verified, payment: true } }),
      "receipt_differs",
    ],
    ["another time", () => ({ accepted_at_ms: 1 }), "receipt_differs"],
    ["another assurance", () => ({ assurance: "author" }), "assurance_differs"],
    ["another receipt", () => ({ receipt_hash: "00".repeat(32) }), "receipt_differs"],
    ["a submission nobody knows", () => ({ id: "ab".repeat(32) }), "receipt_missing"],
    ["a form that is none", () => ({ author: 7 }), "item_malformed"],
  ])("an item with %s", async (_, change, problem) => {
    expect(await item(change)).toEqual([problem, "ok"]);
  });

  test.each<[string, (state: State) => object, string]>([
    [
      "changed after signing",
      ({ submission }) => ({ submission: submission.replace("0.95", "0.96") }),
      "bad_signature",
    ],
    ["spelt in another way", ({ submission }) => ({ submission: `${submission} ` }), "non_canonical"],
    ["that is none", () => ({ submission: "{}" }), "malformed"],
    ["without a receipt", () => ({ receipt: null }), "receipt_invalid"],
    ["whose receipt was changed", ({ receipt }) => ({ receipt: { ...receipt, accepted_at_ms: 1 } }), "receipt_invalid"],
    ["without its text", () => ({ submission: null }), "receipt_missing"],
  ])("a submission %s", async (_, change, problem) => {
    expect(await shown(change)).toEqual([problem, "ok"]);
  });

  test("signatures left out on both sides are missed by the receipt", async () => {
    const { hotkey, fetch } = await gatewayWith(await ranking());
    const fewer = lying(fetch, PAGE, ({ external_intelligence: [first] }: Page) => ({
      external_intelligence: [{ ...first, cosignatures: first?.cosignatures.slice(1) }],
    }));
    const both = lying(fewer, RELAY, (state: State) => ({
      ...state,
      signatures: state.signatures.filter((_, index) => index !== 1),
    }));
    expect(await verdicts({ hotkey, fetch: both })).toEqual(["quorum_differs"]);
  });

  test("receipts of another gateway, or of another submission", async () => {
    const { hotkey, fetch, forged } = await gatewayWith(await ranking(), await kit.inference());
    expect(await verdicts({ hotkey: kit.stranger.hotkey, fetch })).toEqual(["receipt_invalid", "receipt_invalid"]);
    const other = await forged.accept(await kit.inference({}, "another"));
    const swapped = lying(fetch, RELAY, (state: State) =>
      state.receipt.gateway_seq === 1 ? { ...state, receipt: other } : state,
    );
    expect(await verdicts({ hotkey, fetch: swapped })).toEqual(["receipt_invalid", "ok", "ok"]);
  });
});

describe("what a gateway signs although it is not so", () => {
  test("fewer validators than it takes", async () => {
    const { text } = await kit.ranking({ cosigners: [kit.validator(1)] });
    expect(await verdicts(await gatewayWith({ text, have: 4 }, await ranking()))).toEqual(["quorum_missing", "ok"]);
  });

  test("co-signatures of a hotkey without a permit", async () => {
    const padded = await kit.ranking({ cosigners: [kit.validator(1), kit.stranger] });
    const beside = await kit.ranking({ cosigners: [...kit.validators.slice(1), kit.stranger], recall: 0.5 });
    const alone = await kit.ranking({ author: kit.stranger, cosigners: kit.validators });
    const found = await verdicts(
      await gatewayWith({ ...padded, have: 2 }, { ...beside, have: 4 }, { ...alone, have: 4 }),
    );
    expect(found).toEqual(["quorum_missing", "not_a_validator", "not_a_validator"]);
  });

  test("a nonce with another uid than the author's", async () => {
    expect(
      await verdicts(await gatewayWith(await kit.ranking({ cosigners: kit.validators.slice(1), uid: 2 }))),
    ).toEqual(["not_a_validator"]);
  });

  test("signatures over something else", async () => {
    const { text, signedHash } = await ranking();
    const { hotkey, sign } = kit.validator(1);
    const bare = { validator_hotkey: hotkey, signature: `0x${toHex(sign(Buffer.from(signedHash)))}` };
    const { hotkey: gateway, fetch } = await gatewayWith({ text });
    const author = (signatures: readonly QuorumSignature[]) => signatures.slice(0, 1);
    const page = lying(fetch, PAGE, ({ external_intelligence: [first] }: Page) => ({
      external_intelligence: [{ ...first, cosignatures: [bare] }],
    }));
    const both = lying(page, RELAY, (state: State) => ({ ...state, signatures: [...author(state.signatures), bare] }));
    expect(await verdicts({ hotkey: gateway, fetch: both })).toEqual(["bad_signature"]);
  });

  test("a model's answer as what validators agreed on", async () => {
    const { text } = await kit.inference();
    expect(await verdicts(await gatewayWith({ text, assurance: "quorum", have: 1 }))).toEqual(["assurance_differs"]);
  });

  test("blocks that are not on the chain, or not final", async () => {
    const { number } = await kit.chain.head();
    const cosigners = kit.validators.slice(1);
    const orphaned = await kit.ranking({ cosigners, blockHash: `0x${"77".repeat(32)}` });
    const early = await kit.ranking({ cosigners, block: number });
    expect(await verdicts(await gatewayWith(orphaned, early))).toEqual(["chain_mismatch", "not_final"]);
  });

  test("another chain, another subnet", async () => {
    const elsewhere = { ...(await ranking()), receipt: { chain: "local:another" } };
    const foreign = await kit.ranking({ cosigners: kit.validators.slice(1), netuid: 7 });
    expect(await verdicts(await gatewayWith(elsewhere, foreign))).toEqual(["chain_mismatch", "chain_mismatch"]);
  });

  test("two receipts of one number, and a chain of receipts that is broken", async () => {
    const twice = await gatewayWith(await ranking(), { ...(await kit.inference()), receipt: { gateway_seq: 1 } });
    expect(await verdicts(twice)).toEqual(["ok", "sequence_repeated"]);
    const broken = await gatewayWith(await ranking(), {
      ...(await kit.inference()),
      receipt: { prev_receipt_hash: "11".repeat(32) },
    });
    expect((await verdicts(broken)).sort()).toEqual(["ok", "receipt_chain_broken"]);
    const [one, other] = [
      await gatewayWith(await kit.inference({}, "one")),
      await gatewayWith(await kit.inference({}, "other")),
    ];
    let told = one.fetch;
    const reader = await openReader(kit, { hotkey: one.hotkey, fetch: (request) => told(request) });
    expect((await reader.read({ minAssurance: "author" }, never)).items).toHaveLength(1);
    told = other.fetch;
    const { refused } = await reader.read({ minAssurance: "author" }, never);
    expect(refused).toMatchObject([{ problem: "sequence_repeated" }]);
  });

  test("items that were not asked for", async () => {
    const gateway = await gatewayWith(await ranking(), await kit.inference());
    expect(await verdicts(gateway, {})).toEqual(["ok", "not_asked_for"]);
    expect(await verdicts(gateway, { minAssurance: "author", types: ["inference"] })).toEqual(["not_asked_for", "ok"]);
  });
});

test("two hotkeys of one owner are one vote", async () => {
  await using own = await GatewayKit.open();
  const { neurons } = await own.chain.metagraph();
  const owner = neurons.find(({ hotkey }) => hotkey === own.validator(0).hotkey)?.coldkey;
  if (!owner) throw new Error("no owner");
  await own.chain.register(own.stranger.hotkey, owner);
  await own.chain.stake(own.stranger.hotkey, 1_000);
  await own.chain.step(20);
  const forged = await ForgedGateway.open(own);
  await forged.accept({ ...(await own.ranking({ cosigners: [own.stranger, own.validator(1)] })), have: 3 });
  await forged.accept(await own.ranking({ cosigners: [own.validator(2), own.validator(1)], recall: 0.5 }));
  const reader = await openReader(own, { hotkey: forged.signer.hotkey, fetch: forged.fetch });
  const { items, refused } = await reader.read({}, never);
  expect(refused).toMatchObject([{ seq: 1, problem: "quorum_missing" }]);
  expect(items).toMatchObject([{ seq: 2, quorum: { votes: 3, needed: 3 } }]);
});
