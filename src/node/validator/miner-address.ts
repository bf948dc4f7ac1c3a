import { callableOrigin } from "../chain/node-address.ts";

/** Whether a validator may call a node that serves `endpoint` (V-W6, V-W7): see `callableOrigin`. */
export function isCallable(endpoint: string, isSimulated: boolean): boolean {
  return callableOrigin(endpoint, isSimulated) !== null;
}
