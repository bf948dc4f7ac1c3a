import { expect, test } from "vitest";
import { openIntelligence } from "../../src/relay/intelligence/open-intelligence.ts";
import { openPayer } from "../../src/relay/payment/open-payer.ts";
import { relaySettings } from "../../src/relay/relay-settings.ts";
import { SteppedChain, silent, tempHome } from "./relay-kit.ts";

const hotkey = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

test("without a URL the relay only says what it would send", () => {
  expect(relaySettings({}).gateway).toBeNull();
});

test("a URL needs the hotkey whose receipts count, unless the relay is switched off", () => {
  const url = { XERIS_RELAY_URL: "http://127.0.0.1:9000" };
  expect(() => relaySettings(url)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(() => relaySettings({ ...url, ENGRAM_RELAY_ENABLED: "false" })).not.toThrow();
  expect(JSON.stringify(relaySettings({ ...url, ENGRAM_GATEWAY_HOTKEY: hotkey }))).toContain(hotkey);
});

test("an endpoint of gRPC is named by host and port, and has no feed to read", async () => {
  for (const url of ["grpc://127.0.0.1:50051", "grpcs://xeris.example:443/", "grpc://[::1]:9"]) {
    const environment = { XERIS_RELAY_URL: url, ENGRAM_GATEWAY_HOTKEY: hotkey };
    expect(relaySettings(environment).gateway?.url).toBe(url.replace(/\/$/, ""));
    const opening = openIntelligence(environment, { chain: new SteppedChain(), log: silent });
    await expect(opening).rejects.toMatchObject({ code: "GATEWAY_NOT_CONFIGURED" });
  }
});

test("a gateway elsewhere without TLS is paid only at an address that was given", async () => {
  await using home = await tempHome();
  const budget = { ENGRAM_DAILY_BUDGET_USD: "1", ENGRAM_PAYMENT_RPC_URL: "http://127.0.0.1:1" };
  const url = "http://gateway.example";
  await expect(openPayer(home.path, budget, url)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  const payee = { ENGRAM_PAYEES: "0x036CbD53842c5426634e7929541eC2318f3dCF7e" };
  for (const [variables, at] of [
    [{ ...budget, ...payee }, url],
    [budget, "https://gateway.example"],
    [budget, "http://127.0.0.1:9000"],
  ] as const) {
    await using payer = await openPayer(home.path, variables, at);
    expect(payer?.address).toMatch(/^0x/);
  }
});

test.each([
  { XERIS_RELAY_URL: "ftp://127.0.0.1:1", ENGRAM_GATEWAY_HOTKEY: hotkey },
  { XERIS_RELAY_URL: "grpc://127.0.0.1:1" },
  { XERIS_RELAY_URL: "grpc://127.0.0.1", ENGRAM_GATEWAY_HOTKEY: hotkey },
  { XERIS_RELAY_URL: "grpcs://127.0.0.1:1/relay", ENGRAM_GATEWAY_HOTKEY: hotkey },
  { XERIS_RELAY_URL: "grpc://me:secret@127.0.0.1:1", ENGRAM_GATEWAY_HOTKEY: hotkey },
  { RELAY_SCHEMA: "v3" },
  { RELAY_QUORUM_MIN: "0" },
  { RELAY_ANCHOR: "sometimes" },
  { NETUID: "70000" },
  { ENGRAM_GATEWAY_HOTKEY: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ" },
])("%o is refused", (variables) => {
  expect(() => relaySettings(variables)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
