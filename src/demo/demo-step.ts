export interface StepResult {
  readonly ok: boolean;
  readonly detail: string;
  /** Lines that show a person what happened. */
  readonly examples?: readonly string[];
}

export interface Step {
  readonly name: string;
  run(): Promise<StepResult>;
}
