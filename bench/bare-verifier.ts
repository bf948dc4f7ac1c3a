import { parentPort, workerData } from "node:worker_threads";
import { sr25519Verify, waitReady } from "@polkadot/wasm-crypto";

/** Signatures that the bare library verifies in so many milliseconds on this thread. */
const { signature, message, publicKey } = workerData as {
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  readonly publicKey: Uint8Array;
};
await waitReady();
parentPort?.postMessage("ready");
parentPort?.once("message", (milliseconds: number) => {
  let count = 0;
  const began = performance.now();
  for (; performance.now() - began < milliseconds; count += 1) {
    if (!sr25519Verify(signature, message, publicKey)) throw new Error("the signature did not verify");
  }
  parentPort?.postMessage(count / ((performance.now() - began) / 1_000));
});
