import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkLocation, syncedBy } from "../../src/node/commands/doctor/home-location.ts";

const nothing = () => false;

test.each([
  "/home/mara/Dropbox/engram",
  "/home/mara/Dropbox (Personal)/a/engram",
  "/Users/mara/Library/Mobile Documents/com~apple~CloudDocs/engram",
  "/Users/mara/Library/CloudStorage/GoogleDrive-mara@example.org/engram",
  "/home/mara/OneDrive - Spokes/engram",
  "/home/mara/Nextcloud/engram",
])("%s is found to be copied by a sync program", async (path) => {
  expect(syncedBy(path, nothing)).toBeDefined();
  expect(await checkLocation(path)).toMatchObject({ state: "broken", fix: expect.stringContaining("ENGRAM_HOME") });
});

test.each(["/home/mara/.local/share/engram", "/home/dropboxer/engram", "/srv/sync-service/engram"])(
  "%s is not",
  (path) => {
    expect(syncedBy(path, nothing)).toBeUndefined();
  },
);

test("a marker file above the folder is enough", () => {
  expect(syncedBy("/data/shared/notes/engram", (path) => path === "/data/shared/.stfolder")).toBe("/data/shared");
  expect(syncedBy("/data/other/engram", (path) => path === "/data/shared/.stfolder")).toBeUndefined();
});

test("a home that is not there yet is judged by the folder that will hold it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "engram-doctor-"));
  expect((await checkLocation(join(folder, "not", "yet"))).state).not.toBe("broken");
  await rm(folder, { recursive: true });
});
