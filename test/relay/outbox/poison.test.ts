import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import { Relay } from "../../../src/relay/relay.ts";
import {
  anInference,
  newSigner,
  type Posted,
  ScriptedGateway,
  SteppedChain,
  StillClock,
  says,
  silent,
  sr25519,
  tempHome,
  validatorNeuron,
} from "../relay-kit.ts";

const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000 } as const;
const GOOD = 70;

/** What is wrong, and where it ends. */
const POISON: Readonly<Record<string, { readonly sql: string; readonly ends: string }>> = {
  "bad JSON": { sql: `output_json = '{"completion": '`, ends: "parked JSON_INVALID" },
  NaN: { sql: `output_json = '{"scores":{"0":{"recall":NaN}}}'`, ends: "parked JSON_INVALID" },
  "another output than its hash": { sql: `output_json = '{}'`, ends: "parked OUTPUT_DAMAGED" },
  "an unknown schema": { sql: "schema_version = 'engram-v9'", ends: "parked SUBMISSION_UNREADABLE" },
  "10 MB": {
    sql: `state = 'submitting', signed_hash = '${"e".repeat(64)}', body = '{"a":"' || hex(zeroblob(5000000)) || '"}'`,
    ends: "parked too_large",
  },
  "a signed text that is none": {
    sql: `state = 'submitting', signed_hash = '${"d".repeat(64)}', body = 'NaN'`,
    ends: "parked malformed",
  },
  "what the gateway calls expired": { sql: "created_at = 1", ends: "parked expired" },
};

test("poison never blocks the queue: all others are delivered before any of it is tried again", async () => {
  await using home = await tempHome();
  const [clock, gateway, signer] = [new StillClock(), new ScriptedGateway(), newSigner()];
  const chain = new SteppedChain([validatorNeuron(1, signer)]);
  chain.grow(110);
  chain.finalize(100);
  const delivered = new Set<string>();
  const tries = new Map<string, number>();
  gateway.answers = [
    (posted: Posted) => {
      const name = posted.text.startsWith("NaN") ? "NaN" : nameIn(posted.text);
      const isPoison = name in POISON || name === "NaN";
      if (isPoison) {
        tries.set(name, (tries.get(name) ?? 0) + 1);
        if ((tries.get(name) ?? 0) > 1) expect(delivered.size).toBe(GOOD);
        return says(400, name === "NaN" ? "malformed" : "expired")();
      }
      delivered.add(name);
      return gateway.accept(posted);
    },
  ];
  const own = { ...settings, gateway: gateway.address };
  const relay = new Relay({
    home: home.path,
    settings: own,
    signer,
    chain,
    http: gateway.http,
    sr25519,
    log: silent,
    clock,
  });
  // The poison comes first, in the middle and last.
  const names = [...Object.keys(POISON), ...Array.from({ length: GOOD }, (_, index) => `good ${index}`)];
  const order = names.map((name, index) => [name, (index * 31) % names.length] as const).sort((a, b) => a[1] - b[1]);
  const jobs = new Map<string, string>();
  for (const [name] of order) jobs.set(name, (await relay.submit(anInference(name))).job ?? "");
  const database = new Database(join(home.path, "relay.sqlite"));
  for (const [name, { sql }] of Object.entries(POISON)) {
    expect(database.prepare(`UPDATE submission SET ${sql} WHERE job = ?`).run(jobs.get(name)).changes).toBe(1);
  }
  for (let tick = 0; tick < 3; tick += 1) {
    await relay.tick();
    clock.time += 5_000;
  }
  expect(delivered.size).toBe(GOOD);
  const ends = Object.keys(POISON).map((name) => {
    const row = database
      .prepare<[string | undefined], { state: string; last_error: string }>(
        "SELECT state, last_error FROM submission WHERE job = ?",
      )
      .get(jobs.get(name));
    return [name, `${row?.state} ${row?.last_error}`];
  });
  expect(Object.fromEntries(ends)).toEqual(
    Object.fromEntries(Object.entries(POISON).map(([name, poison]) => [name, poison.ends])),
  );
  expect([...tries.values()].every((count) => count === 1)).toBe(true);
  // Nor does what cannot be read hide the rest from the operator.
  expect(await relay.list(null, 1_000)).toHaveLength(names.length - 1);
  expect((await relay.status()).states).toMatchObject({ delivered: GOOD, parked: Object.keys(POISON).length });
  database.close();
  await relay[Symbol.asyncDispose]();
});

function nameIn(text: string): string {
  const { content } = readPayload(text);
  return content.type === "inference" ? content.output.completion : "";
}
