import { writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ArchiveSettings } from "../../src/node/archive/archive-settings.ts";
import type { ArchiveInput, Archives } from "../../src/node/client/archive/archives.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { PAGE, PIXEL, pdfOf } from "../support/archive-samples.ts";
import { ClientBench } from "../support/client-bench.ts";

let bench: ClientBench;
const closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  for (const close of closing.splice(0)) await close();
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

async function plan(input: ArchiveInput, archive?: ArchiveSettings) {
  const publicGuard = { resolve: async () => ["127.0.0.1"], isPublic: () => true, allowsPort: () => true };
  const client = bench.open({ publicGuard, ...(archive ? { archive } : {}) });
  return await (client.archives as Archives).plan(input);
}

async function fileOf(name: string, bytes: string | Buffer): Promise<string> {
  const path = join(bench.home, "..", name);
  await writeFile(path, bytes);
  return path;
}

describe("what a file says", () => {
  test("a page is its article, without furniture and scripts", async () => {
    const port = await serve((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(PAGE));
    const source = `http://tides.test:${port}/wadden`;
    const found = await plan({ source });
    expect(found).toMatchObject({ type: "url", mime: "text/html", title: "Tides of the Wadden Sea" });
    expect(found.text).toContain("Seals rest on the Engelsand bank");
    for (const furniture of ["alert", "color: red", "Imprint", "Home About"])
      expect(found.text).not.toContain(furniture);
  });

  test("a page without an article is its visible text", async () => {
    const found = await plan({
      source: await fileOf("short.html", "<html><body><script>no</script><p>Short.</p></body></html>"),
    });
    expect(found.text).toContain("Short.");
    expect(found.text).not.toContain("no");
  });

  test("a PDF is the text of its pages", async () => {
    const found = await plan({
      source: await fileOf("report.pdf", pdfOf("Harvest", "Apples came early.", "Pears came late.")),
    });
    expect(found).toMatchObject({ type: "pdf", mime: "application/pdf", title: "Harvest", pages: 2 });
    expect(found.text).toContain("Apples came early.");
    expect(found.text).toContain("Pears came late.");
  });

  test("a damaged PDF is refused, unless a person describes nothing less than a readable one", async () => {
    const source = await fileOf("broken.pdf", "%PDF-1.4 nothing else");
    await expect(plan({ source })).rejects.toMatchObject({ code: "CONTENT_UNREADABLE" });
  });

  test("an image is what a person says of it", async () => {
    const source = await fileOf("seal.png", PIXEL);
    await expect(plan({ source })).rejects.toMatchObject({ code: "DESCRIPTION_NEEDED" });
    const found = await plan({ source, description: "A seal on a sandbank" });
    expect(found).toMatchObject({ type: "image", mime: "image/png" });
    expect(found.text).toContain("A seal on a sandbank");
  });

  test("an image is what a vision endpoint says of it, where one is configured and no person does", async () => {
    const asked: string[] = [];
    const port = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      asked.push(`${request.url} ${request.headers.authorization} ${Buffer.concat(chunks)}`);
      const message = { role: "assistant", content: "A grey seal asleep." };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ id: "1", object: "chat.completion", choices: [{ index: 0, message }] }));
    });
    const vision = { baseUrl: `http://127.0.0.1:${port}/v1`, model: "sees", key: new Secret("vision-key") };
    const archive = { gateway: "http://127.0.0.1:9", dailyWinston: 0, vision };
    const source = await fileOf("seal.png", PIXEL);
    const planned = await plan({ source }, archive);
    expect(planned.seenBy).toBe(vision.baseUrl);
    const client = bench.open({ archive });
    expect(client.archives?.reaches(planned)).toEqual([vision.baseUrl]);
    expect(client.archives?.question(planned)).toContain(`The image is shown to ${vision.baseUrl}`);
    expect(asked).toEqual([]);
    const { id } = (await client.archives?.store(planned)) ?? { id: "" };
    expect((await client.get([id])).items[0]?.text).toBe("seal.png\n\nA grey seal asleep.");
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatch(/^\/v1\/chat\/completions Bearer vision-key/);
    expect(asked[0]).toContain(`data:image/png;base64,${PIXEL.toString("base64")}`);
    await plan({ source, description: "mine" }, archive);
    expect(asked).toHaveLength(1);
  });

  test("a vision endpoint that fails is named, not quoted", async () => {
    const port = await serve((_, response) => response.writeHead(400).end('{"error":{"message":"inner words"}}'));
    const vision = { baseUrl: `http://127.0.0.1:${port}/v1`, model: "sees", key: new Secret("vision-key") };
    const source = await fileOf("seal.png", PIXEL);
    const archive = { gateway: "http://127.0.0.1:9", dailyWinston: 0, vision };
    const planned = await plan({ source }, archive);
    const failed = await bench
      .open({ archive })
      .archives?.store(planned)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "VISION_FAILED" });
    expect((failed as Error).message).not.toMatch(/inner words|vision-key/);
  });

  test("text is kept as it is, without what cannot be stored", async () => {
    const found = await plan({ source: await fileOf("notes.txt", "one\r\n\r\n\r\n\r\ntwo \u0007 three   four\n") });
    expect(found.text).toBe("notes.txt\n\none\n\ntwo three four");
    const long = await plan({ source: await fileOf("long.txt", "word ".repeat(60_000)) });
    expect(long.text).toHaveLength(100_000);
  });
});
