import type { CorpusView } from "../recall/corpus.ts";

/** A piece as the database has it. */
export interface CorpusPiece {
  readonly piece: number;
  readonly memory: number;
  readonly part: number;
  readonly length: number;
  readonly traits: number;
  /** The session's number in the index. */
  readonly session: number;
  readonly seq: number;
  readonly at: number;
  readonly speaker: string | null;
  readonly expiresAt: number | null;
}

const FIRST_ROWS = 64;

/**
 * One namespace in memory, as the ranker wants it. Dense: the last piece moves into the place of one that is removed.
 * Adding what is there and removing what is not change nothing, so that the change log can be replayed over a fresh
 * load.
 */
export class Corpus implements CorpusView {
  size = 0;
  lengths = new Float32Array(FIRST_ROWS);
  memory = new Int32Array(FIRST_ROWS);
  session = new Int32Array(FIRST_ROWS);
  at = new Float64Array(FIRST_ROWS);
  speaker = new Int32Array(FIRST_ROWS);
  previous = new Int32Array(FIRST_ROWS);
  next = new Int32Array(FIRST_ROWS);
  traits = new Uint8Array(FIRST_ROWS);
  readonly speakers: string[] = [];
  /** Row of the piece and of its memory, and when it ends, by position. */
  pieces = new Float64Array(FIRST_ROWS);
  memories = new Float64Array(FIRST_ROWS);
  expires = new Float64Array(FIRST_ROWS);
  #seq = new Float64Array(FIRST_ROWS);
  #part = new Int32Array(FIRST_ROWS);
  readonly #positions = new Map<number, number>();
  readonly #piecesOf = new Map<number, number[]>();
  readonly #speakerOrdinals = new Map<string, number>();
  readonly #sessionOrdinals = new Map<number, number>();
  /** The last piece of each session, by its ordinal. */
  readonly #tails: number[] = [];
  #memoryCount = 0;

  positionOf(piece: number): number | undefined {
    return this.#positions.get(piece);
  }

  piecesOf(memory: number): readonly number[] {
    return this.#piecesOf.get(memory) ?? [];
  }

  add(row: CorpusPiece): void {
    if (this.#positions.has(row.piece)) return;
    const position = this.size++;
    if (position === this.pieces.length) this.#grow();
    this.#positions.set(row.piece, position);
    this.lengths[position] = row.length;
    this.at[position] = row.at;
    this.traits[position] = row.traits;
    this.pieces[position] = row.piece;
    this.memories[position] = row.memory;
    this.expires[position] = row.expiresAt ?? Number.POSITIVE_INFINITY;
    this.#seq[position] = row.seq;
    this.#part[position] = row.part;
    this.memory[position] = this.#memoryOrdinal(row);
    this.speaker[position] = row.speaker === null ? -1 : this.#speakerOrdinal(row.speaker);
    this.session[position] = ordinal(this.#sessionOrdinals, row.session);
    this.#link(position);
  }

  remove(memory: number): void {
    for (const piece of this.piecesOf(memory)) this.#removePiece(piece);
    this.#piecesOf.delete(memory);
  }

  #memoryOrdinal({ memory, piece }: CorpusPiece): number {
    const siblings = this.#piecesOf.get(memory);
    if (!siblings) {
      this.#piecesOf.set(memory, [piece]);
      return this.#memoryCount++;
    }
    const sibling = this.#positions.get(siblings[0] ?? -1);
    siblings.push(piece);
    return sibling === undefined ? this.#memoryCount++ : (this.memory[sibling] as number);
  }

  #speakerOrdinal(name: string): number {
    const number = ordinal(this.#speakerOrdinals, name);
    this.speakers[number] = name;
    return number;
  }

  /** Into its session's order; nearly always at the end. */
  #link(position: number): void {
    const session = this.session[position] as number;
    let before = this.#positions.get(this.#tails[session] ?? -1) ?? -1;
    let after = -1;
    while (before >= 0 && this.#isAfter(before, position)) {
      after = before;
      before = this.previous[before] as number;
    }
    this.#join(before, position);
    this.#join(position, after);
    if (after < 0) this.#tails[session] = this.pieces[position] as number;
  }

  #isAfter(a: number, b: number): boolean {
    const order = (this.#seq[a] as number) - (this.#seq[b] as number);
    if (order !== 0) return order > 0;
    const same = this.memories[a] === this.memories[b];
    return same ? (this.#part[a] as number) > (this.#part[b] as number) : this.#pieceAfter(a, b);
  }

  #pieceAfter(a: number, b: number): boolean {
    return (this.pieces[a] as number) > (this.pieces[b] as number);
  }

  #join(before: number, after: number): void {
    if (before >= 0) this.next[before] = after;
    if (after >= 0) this.previous[after] = before;
  }

  #removePiece(piece: number): void {
    const position = this.#positions.get(piece);
    if (position === undefined) return;
    const before = this.previous[position] as number;
    const after = this.next[position] as number;
    this.#join(before, after);
    const session = this.session[position] as number;
    if (after < 0) this.#tails[session] = before < 0 ? -1 : (this.pieces[before] as number);
    this.#positions.delete(piece);
    const last = --this.size;
    if (position !== last) this.#move(last, position);
  }

  #move(from: number, to: number): void {
    for (const column of this.#columns()) column[to] = column[from] as number;
    this.#join(this.previous[from] as number, to);
    this.#join(to, this.next[from] as number);
    this.#positions.set(this.pieces[to] as number, to);
  }

  #columns() {
    return [
      this.lengths,
      this.memory,
      this.session,
      this.at,
      this.speaker,
      this.previous,
      this.next,
      this.traits,
      this.pieces,
      this.memories,
      this.expires,
      this.#seq,
      this.#part,
    ];
  }

  #grow(): void {
    const rows = this.pieces.length * 2;
    this.lengths = larger(this.lengths, new Float32Array(rows));
    this.memory = larger(this.memory, new Int32Array(rows));
    this.session = larger(this.session, new Int32Array(rows));
    this.at = larger(this.at, new Float64Array(rows));
    this.speaker = larger(this.speaker, new Int32Array(rows));
    this.previous = larger(this.previous, new Int32Array(rows));
    this.next = larger(this.next, new Int32Array(rows));
    this.traits = larger(this.traits, new Uint8Array(rows));
    this.pieces = larger(this.pieces, new Float64Array(rows));
    this.memories = larger(this.memories, new Float64Array(rows));
    this.expires = larger(this.expires, new Float64Array(rows));
    this.#seq = larger(this.#seq, new Float64Array(rows));
    this.#part = larger(this.#part, new Int32Array(rows));
  }
}

function ordinal<K>(known: Map<K, number>, key: K): number {
  const number = known.get(key) ?? known.size;
  known.set(key, number);
  return number;
}

function larger<T extends { set(values: T): void }>(values: T, room: T): T {
  room.set(values);
  return room;
}
