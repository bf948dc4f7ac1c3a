import { fc, test as property } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { Corpus, type CorpusPiece } from "../../src/node/client/store/corpus.ts";

const SESSIONS = [71, 72];

function pieceOf(memory: number, part: number, session: number): CorpusPiece {
  return {
    piece: memory * 10 + part,
    memory,
    part,
    length: memory + part,
    traits: memory % 8,
    session: SESSIONS[session] ?? 71,
    seq: memory,
    at: memory * 1_000,
    speaker: memory % 3 === 0 ? null : `speaker ${memory % 3}`,
    expiresAt: null,
  };
}

/** The piece rows of a session, in order, as the links tell them from the front and from the back. */
function orderOf(corpus: Corpus, session: number, all: readonly CorpusPiece[]) {
  const wanted = all.filter((piece) => piece.session === session).map(({ piece }) => piece);
  const positions = wanted.map((piece) => corpus.positionOf(piece) ?? -1);
  return positions.map((position) => ({
    piece: corpus.pieces[position],
    before: corpus.previous[position] === -1 ? null : corpus.pieces[corpus.previous[position] ?? -1],
    after: corpus.next[position] === -1 ? null : corpus.pieces[corpus.next[position] ?? -1],
  }));
}

describe("a namespace in memory", () => {
  const step = fc.record({
    memory: fc.integer({ min: 1, max: 150 }),
    parts: fc.integer({ min: 1, max: 3 }),
    session: fc.integer({ min: 0, max: 1 }),
    remove: fc.boolean(),
  });
  property.prop([fc.array(step, { maxLength: 300 })], { numRuns: 100 })(
    "stays dense, keeps every session in order, and adds and removes once",
    (steps) => {
      const corpus = new Corpus();
      const model = new Map<number, CorpusPiece[]>();
      for (const { memory, parts, session, remove } of steps) {
        if (remove) {
          corpus.remove(memory);
          model.delete(memory);
        } else {
          const pieces =
            model.get(memory) ?? Array.from({ length: parts }, (_, part) => pieceOf(memory, part, session));
          for (const piece of pieces) corpus.add(piece);
          model.set(memory, pieces);
        }
      }
      const all = [...model.values()].flat().sort((a, b) => a.seq - b.seq || a.part - b.part);
      expect(corpus.size).toBe(all.length);
      for (const piece of all) {
        const position = corpus.positionOf(piece.piece) ?? -1;
        expect(position).toBeGreaterThanOrEqual(0);
        expect(position).toBeLessThan(corpus.size);
        expect(corpus.memories[position]).toBe(piece.memory);
        expect(corpus.lengths[position]).toBe(piece.length);
        expect(corpus.traits[position]).toBe(piece.traits);
        expect(corpus.speakers[corpus.speaker[position] ?? -1] ?? null).toBe(piece.speaker);
        expect(corpus.piecesOf(piece.memory)).toContain(piece.piece);
      }
      for (const session of SESSIONS) {
        const rows = all.filter((piece) => piece.session === session).map(({ piece }) => piece);
        expect(orderOf(corpus, session, all)).toEqual(
          rows.map((piece, i) => ({ piece, before: rows[i - 1] ?? null, after: rows[i + 1] ?? null })),
        );
      }
      const ordinals = new Map(all.map((piece) => [piece.memory, corpus.memory[corpus.positionOf(piece.piece) ?? -1]]));
      expect(new Set(ordinals.values()).size).toBe(ordinals.size);
      for (const piece of all) {
        expect(corpus.memory[corpus.positionOf(piece.piece) ?? -1]).toBe(ordinals.get(piece.memory));
      }
    },
  );
});
