/** Marks a removed row. */
export const DEAD = -1;

/** Norms outside of this are scanned exactly: in single precision, products could vanish or overflow. */
const LEAST_INVERSE = 1e-12;
const MOST_INVERSE = 1e12;

/** What the kernel index knows of each slot beside its vector, in columns that grow together. */
export class RowTable {
  /** Row ids, or DEAD. */
  rows = new Float64Array(0);
  /** 1 / ‖vector‖. */
  inverses = new Float64Array(0);
  /** The same, or NaN where an estimate says nothing: removed rows, and those of extreme norm. */
  weights = new Float64Array(0);
  /** Of the codes: scale / ‖vector‖, ‖error‖ / ‖vector‖ (NaN where `weights` is), sum. */
  scales = new Float32Array(0);
  errors = new Float32Array(0);
  sums = new Int32Array(0);
  /** Slots that hold a row of extreme norm. */
  readonly extreme = new Set<number>();

  static readonly BYTES = 36;

  get capacity(): number {
    return this.rows.length;
  }

  makeRoom(slots: number): void {
    if (slots <= this.capacity) return;
    const capacity = Math.max(slots, this.capacity * 2);
    const larger = <T extends Float64Array | Float32Array | Int32Array>(column: T, wider: T): T => {
      wider.set(column);
      return wider;
    };
    this.rows = larger(this.rows, new Float64Array(capacity));
    this.inverses = larger(this.inverses, new Float64Array(capacity));
    this.weights = larger(this.weights, new Float64Array(capacity));
    this.scales = larger(this.scales, new Float32Array(capacity));
    this.errors = larger(this.errors, new Float32Array(capacity));
    this.sums = larger(this.sums, new Int32Array(capacity));
  }

  set(slot: number, row: number, inverse: number): void {
    const isExtreme = !(inverse > LEAST_INVERSE && inverse < MOST_INVERSE);
    this.rows[slot] = row;
    this.inverses[slot] = inverse;
    this.weights[slot] = isExtreme ? Number.NaN : inverse;
    if (isExtreme) this.extreme.add(slot);
    else this.extreme.delete(slot);
  }

  clear(slot: number): void {
    this.rows[slot] = DEAD;
    this.weights[slot] = Number.NaN;
    this.errors[slot] = Number.NaN;
    this.extreme.delete(slot);
  }

  move(from: number, to: number): void {
    this.set(to, this.rows[from] as number, this.inverses[from] as number);
    this.scales[to] = this.scales[from] as number;
    this.errors[to] = this.errors[from] as number;
    this.sums[to] = this.sums[from] as number;
    this.clear(from);
  }
}
