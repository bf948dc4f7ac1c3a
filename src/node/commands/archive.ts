import { open } from "node:fs/promises";
import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { ArchivedMemory, ArchiveReport, Archives, UploadFacts } from "../client/archive/archives.ts";
import type { MemoryClient, Metadata } from "../client/memory.ts";
import { requireConsent, staysOnThisMachine } from "./consent.ts";
import { type CommonOptions, dataCommand, jsonObject, openClient, run, settle } from "./kit.ts";
import { columns, print } from "./output.ts";

interface ArchiveOptions extends CommonOptions {
  readonly namespace?: string;
  readonly description?: string;
  readonly metadata?: Metadata;
  readonly public?: boolean;
}

const ABOUT = `
Text, Markdown, HTML, PDF, PNG, JPEG, GIF and WebP, up to 10 MB. The memory holds the text; with a wallet the file itself
is kept on Arweave for ever, in private namespaces under a key that lies in the memory alone.

Environment:
  ARWEAVE_KEY       the wallet: path of a JWK file; without it nothing is uploaded
  ENGRAM_ARWEAVE_MAX_WINSTON
                    what a UTC day's uploads may cost (10^12 winston are 1 AR; default 0: nothing)
  ARWEAVE_GATEWAY_URL
                    default https://arweave.net
  ENGRAM_VISION_MODEL, OPENAI_BASE_URL, OPENAI_API_KEY
                    a model that describes images where --description does not`;

/** `engram archive`: remembers a file or a page, and keeps it on Arweave. */
export function archiveCommand(): Command {
  return dataCommand("archive", "remember a file or a web page, and keep it on Arweave")
    .argument("<file|url>", "a file's path, or an http or https URL")
    .option("-n, --namespace <name>", "namespace to store into (default: main)")
    .option("--description <text>", "what it shows, in your own words; images need it without a vision model")
    .option("--metadata <json>", "a JSON object kept with it", jsonObject)
    .option("--public", "publish the text and the file for everyone")
    .addHelpText("after", ABOUT)
    .action((source: string, options: ArchiveOptions) => run(options, () => archive(source, options)))
    .addCommand(statusCommand())
    .addCommand(getCommand());
}

async function archive(source: string, options: ArchiveOptions): Promise<void> {
  await using client = await openClient(options);
  const archives = archivesOf(client);
  const { namespace, description, metadata } = options;
  const input = {
    source,
    ...(namespace !== undefined && { namespace }),
    ...(description !== undefined && { description }),
    ...(metadata !== undefined && { metadata }),
    ...(options.public && { public: true }),
  };
  const plan = await archives.plan(input);
  const summary = archives.question(plan);
  if (summary !== undefined && !(await staysHere(client, archives.reaches(plan)))) {
    const limit = plan.cost.kind === "off" ? 0 : plan.cost.maxWinston;
    await requireConsent(client, options, { command: "archive", input: { ...input, limit }, summary });
  }
  const made = await archives.store(plan);
  await settle(client);
  const [report] = await archives.reports(made.id);
  await print(options.json === true, { ...made, archive: report ? factsOf(report) : made.archive }, describeMade);
}

function statusCommand(): Command {
  return dataCommand("status", "show uploads and how far they are")
    .argument("[id]", "of this memory alone")
    .action((id: string | undefined, options: CommonOptions) =>
      run(options, async () => {
        await using client = await openClient(options);
        await print(options.json === true, { uploads: await archivesOf(client).reports(id) }, ({ uploads }) =>
          uploads.length === 0 ? "nothing was uploaded" : columns(uploads.map(describeReport)),
        );
      }),
    );
}

function getCommand(): Command {
  return dataCommand("get", "fetch an archived file, check it and decrypt it")
    .argument("<id>", "the memory that describes it")
    .requiredOption("-o, --output <file>", "write it there; an existing file is left as it is")
    .action((id: string, options: CommonOptions & { readonly output: string }) =>
      run(options, async () => {
        await using client = await openClient(options);
        const { bytes, mime, from } = await archivesOf(client).retrieve(id);
        await write(options.output, bytes);
        const written = { file: options.output, bytes: bytes.byteLength, mime, from };
        await print(options.json === true, written, () => `${written.bytes} bytes (${mime}) in ${written.file}`);
      }),
    );
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EEXIST") throw cause;
    throw new EngramError("FILE_EXISTS", "there is a file of this name already", { fix: "choose another name" });
  });
  await file.writeFile(bytes).finally(() => file.close());
}

function archivesOf({ archives }: MemoryClient): Archives {
  if (archives) return archives;
  throw new EngramError("ARCHIVE_OFF", "nothing can be archived here");
}

async function staysHere(client: MemoryClient, reached: readonly string[]): Promise<boolean> {
  const { isLoopback } = await import("../chain/loopback.ts");
  return reached.every((url) => isLoopback(new URL(url).hostname)) && (await staysOnThisMachine(client));
}

function factsOf({ id: _, contentCid: __, bytes: ___, ...facts }: ArchiveReport): UploadFacts {
  return facts;
}

function describeMade({ id, type, characters, deduped, archive: { state, url } }: ArchivedMemory): string {
  const where =
    state === "off" ? "no wallet: the file itself was not uploaded" : `upload ${state}${url ? `: ${url}` : ""}`;
  return `${deduped ? "already there" : "stored"}  ${id}  ${type}, ${characters} characters (${where})`;
}

function describeReport({ id, state, bytes, url = "", problem = "" }: ArchiveReport): readonly string[] {
  return [id, state, `${bytes} bytes`, url, problem];
}
