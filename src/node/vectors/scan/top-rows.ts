/**
 * Keeps the best `limit` rows of a scan. A binary heap with the worst kept row on top: most rows of a scan are
 * refused by one comparison.
 */
export class TopRows {
  readonly #limit: number;
  readonly #rows: Float64Array<ArrayBuffer>;
  readonly #scores: Float32Array<ArrayBuffer>;
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#rows = new Float64Array(limit);
    this.#scores = new Float32Array(limit);
  }

  offer(row: number, score: number): void {
    if (this.#size < this.#limit) {
      this.#place(this.#size, row, score);
      this.#rise(this.#size++);
    } else if (isBetter(score, row, this.#scores[0] as number, this.#rows[0] as number)) {
      this.#place(0, row, score);
      this.#sink(0);
    }
  }

  /** The score that a further row must reach; below every score until `limit` rows are kept. */
  get worst(): number {
    return this.#size < this.#limit ? Number.NEGATIVE_INFINITY : (this.#scores[0] ?? Number.POSITIVE_INFINITY);
  }

  /** The kept rows, best first; equal scores by ascending row. */
  sorted(): { readonly rows: Float64Array<ArrayBuffer>; readonly scores: Float32Array<ArrayBuffer> } {
    const places = Array.from({ length: this.#size }, (_, place) => place);
    places.sort((a, b) => (this.#isWorse(a, b) ? 1 : -1));
    return {
      rows: Float64Array.from(places, (place) => this.#rows[place] as number),
      scores: Float32Array.from(places, (place) => this.#scores[place] as number),
    };
  }

  #rise(from: number): void {
    for (let place = from; place > 0; ) {
      const parent = (place - 1) >> 1;
      if (!this.#isWorse(place, parent)) return;
      this.#swap(place, parent);
      place = parent;
    }
  }

  #sink(from: number): void {
    for (let place = from; ; ) {
      const left = 2 * place + 1;
      if (left >= this.#size) return;
      const right = left + 1;
      const worse = right < this.#size && this.#isWorse(right, left) ? right : left;
      if (!this.#isWorse(worse, place)) return;
      this.#swap(worse, place);
      place = worse;
    }
  }

  #place(place: number, row: number, score: number): void {
    this.#rows[place] = row;
    this.#scores[place] = score;
  }

  #isWorse(a: number, b: number): boolean {
    return isBetter(
      this.#scores[b] as number,
      this.#rows[b] as number,
      this.#scores[a] as number,
      this.#rows[a] as number,
    );
  }

  #swap(a: number, b: number): void {
    const row = this.#rows[a] as number;
    const score = this.#scores[a] as number;
    this.#place(a, this.#rows[b] as number, this.#scores[b] as number);
    this.#place(b, row, score);
  }
}

function isBetter(score: number, row: number, thanScore: number, thanRow: number): boolean {
  return score > thanScore || (score === thanScore && row < thanRow);
}
