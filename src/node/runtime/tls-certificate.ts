import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { EngramError } from "../../crypto/errors.ts";
import type { Logger } from "./logger.ts";

/** Paths of PEM files: the certificate with its chain behind it, and its private key. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** PEM texts, for a listener. */
interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** How often the files are looked at: renewal comes weeks before the old certificate ends. */
const LOOK_EVERY_MS = 30_000;

/**
 * A listener's certificate. Renewed files are taken up while it serves: by themselves within half a minute, at once by
 * `reload`. A pair that does not fit (renewal writes two files, one after the other) leaves the old one in place.
 */
export class TlsCertificate implements Disposable {
  readonly #files: TlsFiles;
  readonly #log: Logger;
  readonly #watch: NodeJS.Timeout;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  #material: TlsMaterial;
  #looking: Promise<boolean> | undefined;
  /** Of files that were refused: the same ones are not reported twice. */
  #refused = "";

  /** Reads both files. Errors: `TLS_UNREADABLE`; no error quotes a file. */
  static async open(files: TlsFiles, log: Logger, lookEveryMs = LOOK_EVERY_MS): Promise<TlsCertificate> {
    const material = await read(files);
    check(material, files);
    return new TlsCertificate(files, material, log, lookEveryMs);
  }

  private constructor(files: TlsFiles, material: TlsMaterial, log: Logger, lookEveryMs: number) {
    this.#files = files;
    this.#material = material;
    this.#log = log;
    this.#watch = setInterval(() => void this.reload(), lookEveryMs);
    this.#watch.unref();
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** Calls back with every later certificate, until the returned function is called. */
  onChange(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** True when the files held another, good pair, which listeners have now. Never throws: the old pair goes on. */
  reload(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watch);
    this.#listeners.clear();
  }

  async #look(): Promise<boolean> {
    let seen = "";
    try {
      const material = await read(this.#files);
      seen = digest(material);
      if (seen === digest(this.#material) || seen === this.#refused) return false;
      const certificate = check(material, this.#files);
      this.#material = material;
      for (const listener of this.#listeners) listener(material);
      this.#log.info({ valid_to: certificate.validTo }, "the renewed certificate is served");
      return true;
    } catch (error) {
      this.#refused = seen;
      const code = error instanceof EngramError ? error.code : "UNKNOWN";
      this.#log.warn({ code, file: this.#files.certFile }, "the certificate files do not fit: the old pair is kept");
      return false;
    }
  }
}

async function read({ certFile, keyFile }: TlsFiles): Promise<TlsMaterial> {
  const [cert, key] = await Promise.all([certFile, keyFile].map(readPem));
  return { cert: cert as Buffer, key: key as Buffer };
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch {
    throw unreadable(`${file} cannot be read`, "check its path, and that this process's user may read it");
  }
}

function check({ cert, key }: TlsMaterial, { certFile, keyFile }: TlsFiles): X509Certificate {
  try {
    const certificate = new X509Certificate(cert);
    if (certificate.checkPrivateKey(createPrivateKey(key))) {
      createSecureContext({ cert, key });
      return certificate;
    }
  } catch {
    // What the library says may quote the file.
  }
  throw unreadable(
    `${certFile} and ${keyFile} are no certificate with its key`,
    "give PEM files of one certificate: fullchain.pem and privkey.pem, without a passphrase",
  );
}

function digest({ cert, key }: TlsMaterial): string {
  return createHash("sha256").update(cert).update("\0").update(key).digest("hex");
}

function unreadable(message: string, fix: string): EngramError {
  return new EngramError("TLS_UNREADABLE", message, { fix });
}
