/**
 * `rows` vectors end to end, as embeddings of texts lie: few directions carry most of the length, all share a mean, and
 * topics of very different size draw them together. The same in every run.
 */
export function topicalVectors(rows: number, dim: number, seed = 1): Float32Array<ArrayBuffer> {
  let state = seed * 0x9e3779b1 || 1;
  const next = () => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
  const spread = Float64Array.from({ length: dim }, (_, i) => (i + 1) ** -0.35);
  const topics = Array.from({ length: TOPICS }, (_, topic) => topicVector(topic, spread));
  const vectors = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const topic = topics[Math.floor(TOPICS * next() ** 2)] as Float64Array;
    const at = row * dim;
    for (let i = 0; i < dim; i++) {
      vectors[at + i] = (topic[i] as number) + (spread[i] as number) * (0.3 + next() + next());
    }
  }
  return vectors;
}

const TOPICS = 200;

function topicVector(topic: number, spread: Float64Array): Float64Array {
  return spread.map((amplitude, i) => amplitude * Math.sin((topic + 1) * 12.9898 + (i + 1) * 78.233 * (topic + 3)));
}
