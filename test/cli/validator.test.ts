import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { engram, temporaryFolder } from "./engram.ts";

const GATEWAY = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const LOCAL = { ENGRAM_CHAIN: "local", VALIDATOR_PORT: "0" };
// Nobody listens there: nothing is asked of a gateway or a payment chain before there is something to relay.
const PAID = {
  XERIS_RELAY_URL: "http://127.0.0.1:9/relay",
  ENGRAM_GATEWAY_HOTKEY: GATEWAY,
  ENGRAM_DAILY_BUDGET_USD: "1",
  ENGRAM_PAYMENT_RPC_URL: "http://127.0.0.1:9",
};

const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));

interface Line {
  readonly msg: string;
  readonly hotkey?: string;
  readonly payer?: string | null;
  readonly relay?: boolean;
}

/** What a validator says when it serves; it is told to stop then, and must end well. */
async function serving(home: string, environment: Readonly<Record<string, string>>): Promise<Line> {
  const { PATH = "", HOME = "" } = process.env;
  const env = { PATH, HOME, ENGRAM_HOME: home, ...LOCAL, ...environment };
  const child = spawn(process.execPath, [launcher, "validator"], { env, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  const said: Line[] = [];
  for await (const line of createInterface(child.stderr)) {
    said.push(JSON.parse(line) as Line);
    if (said.at(-1)?.msg === "the validator serves") child.kill("SIGTERM");
  }
  expect(await exited).toEqual([0, null]);
  expect(said.at(-1)?.msg).toBe("the validator stops");
  return said.find(({ msg }) => msg === "the validator serves") ?? { msg: "" };
}

test("a validator says whether it relays, and with which address it pays", async () => {
  const home = await temporaryFolder();
  const dry = await serving(home, {});
  expect(dry).toMatchObject({ relay: false, payer: null });
  const paying = await serving(home, PAID);
  expect(paying).toMatchObject({
    hotkey: dry.hotkey,
    relay: true,
    payer: expect.stringMatching(/^0x[0-9a-fA-F]{40}$/),
  });
});

test.each(["validator", "miner"])(
  "a %s waits for a chain that is away, and stops when it is told to",
  async (service) => {
    const { PATH = "", HOME = "" } = process.env;
    const env = { PATH, HOME, ENGRAM_HOME: await temporaryFolder(), ENGRAM_CHAIN: "ws://127.0.0.1:9" };
    const child = spawn(process.execPath, [launcher, service], { env, stdio: ["ignore", "ignore", "pipe"] });
    const exited = once(child, "exit");
    const said: Line[] = [];
    for await (const line of createInterface(child.stderr)) {
      said.push(JSON.parse(line) as Line);
      if (said.at(-1)?.msg.startsWith("the chain cannot be reached")) child.kill("SIGTERM");
    }
    expect(await exited).toEqual([0, null]);
    expect(said.at(-1)).toMatchObject({ code: "CHAIN_UNREACHABLE", waitMs: 2_000 });
  },
);

test("a gateway whose receipts nobody can check is refused with what to set", async () => {
  const { XERIS_RELAY_URL } = PAID;
  const outcome = await engram(await temporaryFolder(), ["validator"], "", { ...LOCAL, XERIS_RELAY_URL });
  expect(outcome).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("ENGRAM_GATEWAY_HOTKEY") });
});

test("its help names the variables of relaying and paying", async () => {
  const { code, stdout } = await engram(await temporaryFolder(), ["validator", "--help"]);
  expect(code).toBe(0);
  const names = [...Object.keys(LOCAL), ...Object.keys(PAID), "RELAY_QUORUM_MIN", "ENGRAM_MAX_PAYMENT_USD", "NETUID"];
  for (const name of names) expect(stdout).toContain(name);
});
