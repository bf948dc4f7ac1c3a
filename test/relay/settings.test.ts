import { expect, test } from "vitest";
import { relaySettings } from "../../src/relay/relay-settings.ts";

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

test.each([
  { XERIS_RELAY_URL: "grpc://127.0.0.1:1" },
  { RELAY_SCHEMA: "v3" },
  { RELAY_QUORUM_MIN: "0" },
  { NETUID: "70000" },
  { ENGRAM_GATEWAY_HOTKEY: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ" },
])("%o is refused", (variables) => {
  expect(() => relaySettings(variables)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
