import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kinds } from "./kinds.ts";
import { verifyFolder, verifyVectors } from "./verify.ts";

const runner = join(import.meta.dirname, "run.ts");
const scratch = mkdtempSync(join(tmpdir(), "engram-vectors-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const ONE = [1, 0, 0, 0, 0, 0, 0, 0];
const DEVIATES = { exact: 0, deviated: 1, failures: [] };
const reports = await verifyFolder(import.meta.dirname);

test("the folder holds every vector file, and each known kind is driven", () => {
  expect(reports.length).toBeGreaterThanOrEqual(45);
  const driven = reports.filter((report) => report.exact + report.deviated > 0).map((report) => report.kind);
  expect(driven.sort()).toEqual(Object.keys(kinds).sort());
});

test.each(reports.map((report) => [report.file, report] as const))("%s", (_, report) => {
  expect(report.failures).toEqual([]);
});

test("what deviates is named by its weakness", () => {
  const notes = reports.flatMap((report) =>
    report.deviationNotes.map((note) => note.replace(/^.*([MV]-W\d+).*$/, "$1")),
  );
  expect([...new Set(notes)].sort()).toEqual([
    "M-W10",
    "M-W16",
    "M-W20",
    "M-W24",
    "M-W28",
    "M-W4",
    "M-W5",
    "M-W6",
    "V-W22",
    "V-W24",
    "V-W26",
    "V-W27",
    "V-W34",
    "V-W36",
    "V-W40",
    "V-W43",
    "V-W7",
  ]);
});

describe("a changed vector fails", () => {
  test.each([
    ["cid.json", "python", { canonical_json: "{}", cid: `v1::${"0".repeat(64)}` }],
    ["pyjson.json", "py_str", "something else"],
    ["signing.json", "signature", `0x${"11".repeat(64)}`],
    ["hybrid_encryption.json", "text", "another text"],
    ["namespace_encryption.json", "blob_b64url", "AAAA"],
    ["padding.json", "p_len", 1],
    ["trust_tier.json", "tier", "sovereign"],
    ["namespace_names.json", "valid", "not a boolean"],
    ["relay-sr25519.json", "expected", { valid: "yes" }],
    ["replication-assign.json", "input", {}],
    ["groundtruth-load.json", "input", "not json"],
    ["groundtruth-topk.json", "expected", {}],
    ["erasure.json", "embedding_f32le_hex", "00".repeat(32)],
    ["body_mapping.json", "fields", {}],
    ["rate_limiter.json", "allowed", [true, true, true, true, true, true, true, true]],
    ["http_transcript.json", "expect", { status: 204, content_type: "application/json; charset=utf-8" }],
    ["sdk_requests.json", "requests", [{ method: "GET", path: "/IngestSynapse", body_text: "" }]],
  ])("%s, field %s", async (file, field, value) => {
    const content = JSON.parse(readFileSync(join(import.meta.dirname, file), "utf8"));
    content.cases = [{ ...content.cases[0], [field]: value }];
    const report = await verifyVectors(file, content);
    expect(report.failures).toHaveLength(1);
  });
});

test("a bare NaN deviates as M-W17, whatever the reference made of it", async () => {
  const cases = [{ json_text: "[NaN]", py_str: "[nan]", json_default: "[NaN]", json_canonical: "[NaN]" }];
  const report = await verifyVectors("nan.json", { kind: "pyjson", cases });
  expect(report).toMatchObject({ exact: 0, deviated: 1, failures: [] });
  const quoted = [{ json_text: '"NaN"', py_str: "NaN", json_default: '"NaN"', json_canonical: '"NaN"' }];
  expect(await verifyVectors("text.json", { kind: "pyjson", cases: quoted })).toMatchObject({ exact: 1, deviated: 0 });
});

describe("the commitment routes of a transcript deviate as M-W25", () => {
  const embedding_hash = createHash("sha256")
    .update(Buffer.from(Float32Array.of(...ONE).buffer))
    .digest("hex");
  const json = "application/json; charset=utf-8";
  const cid = `v1::${"5".repeat(64)}`;
  const prove = (body: object, expect: object) => ({
    request: { method: "POST", path: "/prove-memory", body },
    expect,
  });

  test.each([
    [
      "a null root",
      { root_hex: null, count: 0, built_at: 0.0, hotkey: "5CA3onFpA75kRSgNkF6twsDeumSA5NhLhxQWSdraSEL8vScn" },
    ],
    ["a root over private records", { root_hex: "ab".repeat(32), count: 3, built_at: 1.5, hotkey: "x" }],
  ])("%s", async (_, recorded) => {
    const expected = { status: 200, content_type: json, json: recorded };
    const cases = [{ request: { method: "GET", path: "/commitment" }, expect: expected }];
    expect(await verifyVectors("commitment.json", { kind: "http_transcript", cases })).toMatchObject(DEVIATES);
  });

  test("a proof, held or not; what is malformed is compared as recorded", async () => {
    const missing = { status: 500, content_type: json, json: { error: "<text>" } };
    const cases = [
      prove({ cid: "v1::gt", embedding_hash }, missing),
      prove({ cid, embedding_hash }, { ...missing, status: 404 }),
    ];
    expect(await verifyVectors("prove.json", { kind: "http_transcript", cases })).toMatchObject({
      ...DEVIATES,
      deviated: 2,
    });
    const malformed = [prove({ cid }, { ...missing, status: 400 }), prove({}, { ...missing, status: 404 })];
    const report = await verifyVectors("malformed.json", { kind: "http_transcript", cases: malformed });
    expect(report).toMatchObject({ exact: 1, deviated: 0, failures: [expect.stringContaining("400 !== 404")] });
  });
});

test("a negative list that nobody drives is not passed over, and a file without cases fails", async () => {
  const cases = [{ stake_tao: 1, tier: "community" }];
  const report = await verifyVectors("tier.json", { kind: "trust_tier", cases, negative: [{}, {}] });
  expect(report).toMatchObject({ exact: 1, unknown: 2 });
  await expect(verifyVectors("empty.json", { kind: "trust_tier", cases: [] })).rejects.toThrow();
});

describe("the command", () => {
  test("passes on good files and ends with the count", () => {
    const output = execFileSync(process.execPath, [runner, import.meta.dirname], { encoding: "utf8" });
    expect(output.trimEnd().split("\n").at(-1)).toMatch(/^[1-9]\d* passed, 0 failed$/);
  });

  test("an unreadable file fails, and an unknown kind does with --all", () => {
    cpSync(join(import.meta.dirname, "trust_tier.json"), join(scratch, "good.json"));
    writeFileSync(join(scratch, "unknown.json"), '{"suite":"of-another-time","cases":[{},{}]}');
    const lenient = spawnSync(process.execPath, [runner, scratch], { encoding: "utf8" });
    expect(lenient).toMatchObject({ status: 0, stdout: expect.stringMatching(/\n8 passed, 0 failed\n$/) });
    const strict = spawnSync(process.execPath, [runner, scratch, "--all"], { encoding: "utf8" });
    expect(strict).toMatchObject({ status: 1, stdout: expect.stringMatching(/\n8 passed, 2 failed\n$/) });
    writeFileSync(join(scratch, "broken.json"), '{"kind":"cid"');
    const broken = spawnSync(process.execPath, [runner, scratch], { encoding: "utf8" });
    expect(broken).toMatchObject({ status: 1, stdout: expect.stringMatching(/\n8 passed, 1 failed\n$/) });
  });
});
