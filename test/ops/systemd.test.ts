import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const folder = fileURLToPath(new URL("../../ops/systemd/", import.meta.url));
const files = (await readdir(folder)).sort();
const services = ["miner", "validator", "gateway"];

type Unit = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** Sections of a unit, and the values of each key, in order. Throws on a line that systemd would not understand. */
async function read(name: string): Promise<Unit> {
  const unit: Record<string, Record<string, string[]>> = {};
  let section: Record<string, string[]> | undefined;
  for (const line of (await readFile(join(folder, name), "utf8")).split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const header = /^\[(Unit|Service|Timer|Install)\]$/.exec(line)?.[1];
    if (header !== undefined) section = unit[header] = {};
    const [, key, value] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (header === undefined && (section === undefined || key === undefined)) throw new Error(`${name}: ${line}`);
    if (section && key !== undefined && value !== undefined) section[key] = [...(section[key] ?? []), value];
  }
  return unit;
}

test("every service has its unit, its restart and its timer", () => {
  const wanted = services.flatMap((name) => [
    `engram-${name}.service`,
    `engram-${name}-restart.service`,
    `engram-${name}-restart.timer`,
  ]);
  expect(files).toEqual([...wanted, "engram-backup.service", "engram-backup.timer"].sort());
});

test.each(services)("%s runs as a user without rights, and is given time to stop", async (name) => {
  const { Service: unit = {}, Install: install } = await read(`engram-${name}.service`);
  expect(unit).toMatchObject({
    User: ["engram"],
    ExecStart: [`/usr/local/bin/engram ${name} --env-file /etc/engram/${name}.env`],
    UMask: ["0077"],
    StateDirectory: ["engram"],
    StateDirectoryMode: ["0700"],
    NoNewPrivileges: ["true"],
    CapabilityBoundingSet: [""],
    ProtectSystem: ["strict"],
    ProtectHome: ["true"],
    PrivateTmp: ["true"],
    PrivateDevices: ["true"],
    RestrictAddressFamilies: ["AF_INET AF_INET6 AF_UNIX"],
    RestrictNamespaces: ["true"],
    SystemCallFilter: ["@system-service @pkey", "~@privileged @resources"],
    Restart: ["on-failure"],
    RestartSec: ["30"],
    KillMode: ["mixed"],
  });
  // The process needs up to ten seconds.
  expect(Number(unit["TimeoutStopSec"]?.[0])).toBeGreaterThan(10);
  expect(unit).not.toHaveProperty("MemoryDenyWriteExecute");
  expect(install).toEqual({ WantedBy: ["multi-user.target"] });
  expect((await read(`engram-${name}-restart.service`))["Service"]).toEqual({
    Type: ["oneshot"],
    ExecStart: [`/bin/systemctl try-restart engram-${name}.service`],
  });
});

test("the weekly restart is on Sunday at 04:00 UTC, one service after the other", async () => {
  const at = async (name: string) => (await read(`engram-${name}-restart.timer`))["Timer"]?.["OnCalendar"]?.[0];
  expect(await at("miner")).toBe("Sun *-*-* 04:00:00 UTC");
  expect(await at("validator")).toBe("Sun *-*-* 04:00:30 UTC");
  expect(await at("gateway")).toBe("Sun *-*-* 04:01:00 UTC");
});

const ANALYZE = "systemd-analyze";
const hasSystemd = spawnSync(ANALYZE, ["--version"]).status === 0;

test.skipIf(!hasSystemd)("systemd itself has nothing against the units", { timeout: 60_000 }, async () => {
  const copies = await mkdtemp(join(tmpdir(), "engram-units-"));
  onTestFinished(() => rm(copies, { recursive: true, force: true }));
  for (const name of files) {
    const text = await readFile(join(folder, name), "utf8");
    // It looks whether the program is there.
    await writeFile(join(copies, name), text.replaceAll("/usr/local/bin/engram", "/bin/true"));
  }
  const paths = files.map((name) => join(copies, name));
  const { stderr } = await promisify(execFile)(ANALYZE, ["verify", ...paths]);
  expect(stderr.split("\n").filter((line) => line.includes("engram-"))).toEqual([]);
});
