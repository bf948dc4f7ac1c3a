/** What a memory may hold; every limit has an error that names it. */
export const LIMITS = {
  /** Characters of a text. */
  text: 100_000,
  /** Characters of all texts of one call: they are indexed in one transaction. */
  textsPerCall: 1_000_000,
  itemsPerCall: 1_000,
  /** Bytes of metadata as JSON: it travels in the envelope of part 0 beside some text (spec 10.4). */
  metadataBytes: 2_000,
  metadataDepth: 8,
  /** UTF-8 bytes of a speaker's or a session's name. */
  nameBytes: 256,
  ttlSeconds: 100 * 365 * 24 * 3_600,
  /** Characters of a question: what the built-in model takes at once. */
  query: 8_000,
  queryHits: 50,
  recencyDays: 3_650,
  listPage: 200,
  idsPerCall: 1_000,
  namespacesPerQuery: 50,
} as const;

/** Where memories go when nobody names a namespace. */
export const DEFAULT_NAMESPACE = "main";

/** The shown name of the public space; no private namespace may be called so. */
export const PUBLIC_SHOWN_NAME = "public";
