import { existsSync, readdirSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { isHotkey } from "../../../crypto/ss58.ts";
import { replaceFile } from "../../runtime/replace-file.ts";

const PREFIX = "weight-commits-";
/** Most commits of one hotkey that wait. */
const MAX_PENDING = 64;

const uint16 = z.number().int().min(0).max(65_535);
const entry = z.object({
  genesis: z.string(),
  netuid: uint16,
  hotkey: z.string().refine(isHotkey),
  uids: z.array(uint16),
  values: z.array(uint16),
  salt: z.array(uint16),
  /** Decimal: it may exceed what a number holds. */
  versionKey: z.string().regex(/^\d+$/),
  commitHash: z.string(),
  /** The head when it was made. */
  after: z.number().int(),
});
const journal = z.object({ version: z.literal(1), commits: z.array(entry).max(MAX_PENDING) });

/** A hash commit and all that reveals it: lost, the row of weights is lost. */
export type HashCommit = z.output<typeof entry>;

/**
 * The hash commits that wait to be revealed, on disk before a commit is sent. Each hotkey has a file of its own, which
 * the process that holds its key alone writes.
 */
export class CommitJournal {
  readonly #folder: string;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether there ever was one. */
  get exists(): boolean {
    return existsSync(this.#folder) && readdirSync(this.#folder).some((name) => name.startsWith(PREFIX));
  }

  /** Throws `CHAIN_JOURNAL_INVALID`. */
  async pending(): Promise<readonly HashCommit[]> {
    if (!this.exists) return [];
    const names = (await readdir(this.#folder)).filter((name) => name.startsWith(PREFIX) && name.endsWith(".json"));
    const files = await Promise.all(names.map((name) => read(join(this.#folder, name))));
    return files.flat();
  }

  async add(commit: HashCommit): Promise<void> {
    await this.#change(commit.hotkey, (commits) => [...commits.slice(1 - MAX_PENDING), commit]);
  }

  async remove({ hotkey, commitHash }: HashCommit): Promise<void> {
    await this.#change(hotkey, (commits) => commits.filter((commit) => commit.commitHash !== commitHash));
  }

  async #change(hotkey: string, change: (commits: readonly HashCommit[]) => readonly HashCommit[]): Promise<void> {
    const path = join(this.#folder, `${PREFIX}${hotkey}.json`);
    const changing = this.#writing.then(async () => {
      const commits = change(existsSync(path) ? await read(path) : []);
      await replaceFile(path, `${JSON.stringify({ version: 1, commits })}\n`);
    });
    this.#writing = changing.catch(() => undefined);
    await changing;
  }
}

async function read(path: string): Promise<readonly HashCommit[]> {
  const parsed = journal.safeParse(parseJson(await readFile(path, "utf8")));
  if (parsed.success) return parsed.data.commits;
  throw new EngramError("CHAIN_JOURNAL_INVALID", `the file ${path} cannot be read`, {
    fix: "move it away: weights that were committed to and not yet revealed are lost then",
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
