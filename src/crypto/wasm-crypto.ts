/** The wasm part of sr25519 and of phrases, with its one-time start behind it. */
export type WasmCrypto = typeof import("@polkadot/wasm-crypto");

let loading: Promise<WasmCrypto> | undefined;

/** Loads the module on first use: it takes about 0.3 s and 80 MB that a process without signatures never pays. */
export function loadWasmCrypto(): Promise<WasmCrypto> {
  loading ??= start();
  return loading;
}

async function start(): Promise<WasmCrypto> {
  const wasm = await import("@polkadot/wasm-crypto");
  await wasm.waitReady();
  return wasm;
}
