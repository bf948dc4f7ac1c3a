import { homedir } from "node:os";
import { posix, win32 } from "node:path";
import { expect, test } from "vitest";
import { liesWithin } from "../../src/node/backup/lies-within.ts";
import { homeFolder } from "../../src/node/runtime/config.ts";

test("each platform has its own place for data, written in its own way", () => {
  const local = "C:\\Users\\Ada\\AppData\\Local";
  expect(homeFolder({ LOCALAPPDATA: local }, undefined, "win32")).toBe(`${local}\\engram`);
  expect(homeFolder({}, undefined, "win32")).toBe(win32.join(homedir(), "AppData", "Local", "engram"));
  expect(homeFolder({ XDG_DATA_HOME: "/data" }, undefined, "linux")).toBe("/data/engram");
  expect(homeFolder({}, undefined, "darwin")).toBe(posix.join(homedir(), "Library/Application Support/engram"));
  expect(homeFolder({ ENGRAM_HOME: "D:\\memories" }, undefined, "win32")).toBe("D:\\memories");
  expect(homeFolder({ ENGRAM_HOME: "D:\\memories" }, "E:\\other", "win32")).toBe("E:\\other");
});

test.each([
  ["itself", win32, "C:\\data", "C:\\data", true],
  ["a folder in it", win32, "C:\\data", "c:\\DATA\\backup", true],
  ["another drive", win32, "C:\\data", "D:\\data", false],
  ["a share", win32, "C:\\data", "\\\\nas\\backup", false],
  ["beside it", win32, "C:\\data", "C:\\data-backup", false],
  ["a name that begins with dots", posix, "/data", "/data/..backup", true],
  ["above it", posix, "/data/home", "/data", false],
  ["beside it", posix, "/data", "/data-backup", false],
])("a backup in the folder that is backed up is noticed: %s", (_, paths, folder, target, within) => {
  expect(liesWithin(folder, target, paths)).toBe(within);
});
