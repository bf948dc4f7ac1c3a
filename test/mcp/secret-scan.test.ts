import { fc, test as prop } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { scanForSecrets } from "../../src/node/client/secret-scan.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";

// Joined at run time: a file full of whole tokens would itself be taken for a leak.
const secrets: readonly (readonly [kind: string, secret: string])[] = [
  ["a private key", `-----BEGIN ${"OPENSSH"} PRIVATE KEY-----`],
  ["a private key", `-----BEGIN ${"PRIVATE"} KEY-----`],
  ["an AWS access key", `AKIA${"IOSFODNN7EXAMPLE".replaceAll(/[0189]/g, "2")}`],
  ["a GitHub token", `ghp_${"a1B2".repeat(9)}`],
  ["a GitHub token", `github_pat_${"a1B2_".repeat(16)}`],
  ["a GitLab token", `glpat-${"x1Y2".repeat(5)}`],
  ["a Slack token", `xoxb-${"123456789012-".repeat(2)}abcdefABCDEF`],
  ["an API key", `sk-${"proj"}-${"aB3_".repeat(12)}`],
  ["an API key", `sk_${"live"}_${"aB3d".repeat(6)}`],
  ["a Google API key", `AIza${"Sy0_-".repeat(7)}`],
  ["an npm token", `npm_${"aB3d".repeat(9)}`],
  ["a Hugging Face token", `hf_${"aB3dE".repeat(7)}`],
  ["a JSON Web Token", `eyJ${"hbGciOiJIUzI1NiJ9"}.eyJ${"zdWIiOiIxMjM0In0"}.${"s5Cw_-dfkl3".repeat(2)}`],
  ["a bearer credential", `Authorization: Bearer ${"a1B2c3".repeat(5)}`],
  ["a password in a URL", "postgres://ana:hunter22@db.example.org/app"],
  ["a hexadecimal key", `0x${"4f3a".repeat(16)}`],
  ["a recovery phrase", `${"abandon ".repeat(11)}about`],
  ["a recovery phrase", "legal winner thank year wave sausage worth useful legal winner thank yellow"],
  [
    "a recovery phrase",
    "1. letter 2. advice 3. cage 4. absurd 5. amount 6. doctor 7. acoustic 8. avoid 9. letter 10. advice 11. cage 12. above",
  ],
  ["a recovery phrase", `Letter, Advice, Cage, ${"absurd, amount, doctor, acoustic, avoid, ".repeat(3)}`],
];

const harmless = [
  "The meetup is in Lyon on Saturday; bring the tomatoes and a friend.",
  "Commit 4f3a9c1e2b7d8a6f0c5e4d3b2a1f0e9d8c7b6a59 fixed it, md5 d41d8cd98f00b204e9800998ecf8427e",
  "uuid 123e4567-e89b-12d3-a456-426614174000, phone +41 79 123 45 67",
  "We should ask Ana whether risk-averse people like sk-learn and the task-force-of-the-future-network",
  "https://example.org/path?user=ana&token=none and mailto:ana@example.org",
  "The bearer of this letter is Bruno; the API key is rotated weekly.",
  "able actor adapt admit agent agree alert alien",
  "-----BEGIN PUBLIC KEY-----",
  "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UHjJM694ty is a public address",
];

describe("the scan", () => {
  test.each(secrets)("finds %s", async (kind, secret) => {
    const found = await scanForSecrets(`please note: ${secret} (keep it)`);
    expect(found.map((finding) => finding.kind)).toContain(kind);
    expect(found[0]?.start).toBeGreaterThanOrEqual(13);
  });

  test.each(harmless)("lets through %j", async (text) => expect(await scanForSecrets(text)).toEqual([]));

  prop.prop([fc.string({ maxLength: 300 }), fc.constantFrom(...secrets), fc.string({ maxLength: 300 })])(
    "finds a secret at its place in any text",
    async (before, [, secret], after) => {
      const text = `${before} \n${secret}\n ${after}`;
      const at = before.length + 2;
      const found = await scanForSecrets(text);
      expect(found.some(({ start, end }) => start < at + secret.length && end > at)).toBe(true);
    },
  );

  test("stays quick on long hostile texts", async () => {
    for (const unit of ["abandon ", "a ", "x".repeat(64), "eyJaaaaaaaa.", "sk-", "-----BEGIN ", "bearer ", "a://b:"]) {
      await scanForSecrets(unit.repeat(Math.floor(100_000 / unit.length)));
    }
  }, 5_000);
});

describe("a public store", () => {
  const secret = `ghp_${"a1B2".repeat(9)}`;

  test.each([
    ["the text", { text: `token ${secret}` }, /items\[0\]\.text .*GitHub token at characters 6 to 46/],
    ["a later item", { items: [{ text: "fine" }, { text: secret }] }, /items\[1\]\.text/],
    ["metadata", { text: "fine", metadata: { deep: [{ token: secret }] } }, /items\[0\]\.metadata/],
    ["the speaker", { text: "fine", speaker: secret }, /items\[0\]\.speaker/],
  ])("is refused when %s holds a secret, and the secret is not repeated", async (_, args, says) => {
    await using server = await serveForTest({ consent: { public: "allow" } });
    await using session = await connect(server, "auto");
    const answer = await session.call("engram_store", { ...args, public: true });
    expect(answer.data).toMatchObject({ code: "SECRET_FOUND", message: expect.stringMatching(says) });
    expect(answer.text).not.toContain(secret);
    expect(server.fake.memories.size).toBe(0);
    expect((await session.call("engram_store", args)).isError).toBe(false);
  });
});
