import { existsSync } from "node:fs";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { isHotkey } from "../../../crypto/ss58.ts";

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
const journal = z.object({ version: z.literal(1), commits: z.array(entry).max(64) });

/** A hash commit and all that reveals it: lost, the row of weights is lost. */
export type HashCommit = z.output<typeof entry>;

/** The hash commits that wait to be revealed, in one file that is on disk before a commit is sent. */
export class CommitJournal {
  readonly #path: string;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#path = join(folder, "weight-commits.json");
  }

  /** Whether there ever was one. */
  get exists(): boolean {
    return existsSync(this.#path);
  }

  async pending(): Promise<readonly HashCommit[]> {
    if (!this.exists) return [];
    const parsed = journal.safeParse(parseJson(await readFile(this.#path, "utf8")));
    if (parsed.success) return parsed.data.commits;
    throw new EngramError("CHAIN_JOURNAL_INVALID", `the file ${this.#path} cannot be read`, {
      fix: "move it away: weights that were committed to and not yet revealed are lost then",
    });
  }

  async add(commit: HashCommit): Promise<void> {
    await this.#change((commits) => [...commits.slice(-63), commit]);
  }

  async remove(commitHash: string): Promise<void> {
    await this.#change((commits) => commits.filter((commit) => commit.commitHash !== commitHash));
  }

  async #change(change: (commits: readonly HashCommit[]) => readonly HashCommit[]): Promise<void> {
    const changing = this.#writing.then(async () => {
      await this.#write(`${JSON.stringify({ version: 1, commits: change(await this.pending()) })}\n`);
    });
    this.#writing = changing.catch(() => undefined);
    await changing;
  }

  /** Whole or not at all, and on disk when this returns. */
  async #write(text: string): Promise<void> {
    const folder = dirname(this.#path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.tmp`;
    await synced(draft, "w", async (file) => await file.writeFile(text));
    await rename(draft, this.#path);
    if (process.platform !== "win32") await synced(folder, "r", async () => undefined);
  }
}

type FileHandle = Awaited<ReturnType<typeof open>>;

async function synced(path: string, flags: "w" | "r", work: (file: FileHandle) => Promise<unknown>): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await work(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
