import type { Audits, VerifyReport, VerifySelection } from "../../src/node/client/audits.ts";

const copy = { id: "m_aaaaaaaaaaaaaaaa", cid: `v1::${"0".repeat(64)}`, part: 0, proof: "proof2" } as const;

/** One public copy that is held and one private that is lost, whatever is asked for. */
export class FakeAudits implements Audits {
  readonly asked: VerifySelection[] = [];

  async verify(selection: VerifySelection): Promise<VerifyReport> {
    this.asked.push(selection);
    const root = "ab".repeat(32);
    return {
      at: 0,
      ok: false,
      counts: { held: 1, missing: 1 },
      copies: [
        { ...copy, miner: "5B", visibility: "private", verdict: "missing" },
        {
          ...{ ...copy, miner: "5A", visibility: "public", verdict: "held" },
          inclusion: { verdict: "included", root, count: 7, builtAt: 1 },
        },
      ],
      more: 0,
      missing: [],
      uncopied: [],
    };
  }

  async status(): Promise<null> {
    return null;
  }
}
