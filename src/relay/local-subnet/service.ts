import type { Hotkey } from "../../crypto/ss58.ts";

/** A process of the subnet that runs. */
export interface RunningService {
  readonly pid: number;
  readonly url: string;
  /** What it answers with; null where it has none. */
  readonly hotkey: Hotkey | null;
  /** Resolves when the process has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** Asks it to stop; resolves when it is gone, if need be by force. */
  stop(): Promise<void>;
}

/** A process of the subnet that can be started, again and again, on the same folder and port. */
export interface Service {
  readonly name: string;
  /** Resolves when it serves. Errors: `SUBNET_PROCESS`, and the signal's reason. */
  start(signal: AbortSignal): Promise<RunningService>;
}
