// What a miner accepts, each with its reason. Spec numbers are the reference's own and must not get smaller.

/** spec 7: the largest request body. */
export const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** Keys of a body, all objects together. 4096 bytes of metadata hold at most 700; a filter needs a few. */
export const MAX_BODY_KEYS = 2_000;
/** Values of a body: a vector of the widest profile, 65,536 numbers, and what stands around it. */
export const MAX_BODY_VALUES = 70_000;

/** Requests of sockets that are worked on at once; further ones are told to come again. */
export const MAX_REQUESTS_AT_ONCE = 512;
/** Of one address, /64 or trusted proxy's client: nobody takes all of the above. */
export const MAX_REQUESTS_AT_ONCE_OF_ADDRESS = 128;
/** Bytes of bodies that are being received, all together: 512 times the largest body would be 5 GB. */
export const MAX_BODY_BYTES_AT_ONCE = 128 * 1024 * 1024;

/** spec 8.1: in code points. The reference sets no bound for query texts (M-W20); an embedder's work needs one. */
export const MAX_TEXT_CHARACTERS = 8192;

/** spec 8.1: length of the metadata as PY-DEFAULT text. */
export const MAX_METADATA_BYTES = 4096;

/** spec 8.2. */
export const DEFAULT_TOP_K = 10;
export const MAX_TOP_K = 100;

/** spec 8.7. */
export const DEFAULT_LIST_LIMIT = 50;
export const MAX_LIST_LIMIT = 200;
/** Skipping costs time; whoever reads further pages by `after`. */
export const MAX_LIST_OFFSET = 1_000_000;

/** Names are kept for ever: our own have 41 characters, the reference sets no bound. */
export const MAX_NAMESPACE_CHARACTERS = 128;

/** spec 8.12: what a namespace key must have. */
export const MIN_NAMESPACE_KEY_CHARACTERS = 16;
export const MAX_NAMESPACE_KEY_CHARACTERS = 1_024;

/** A CID has 68 characters; longer paths are nobody's record. */
export const MAX_CID_CHARACTERS = 256;

/** spec 9.3: of one address without a verified signature. */
export const DEFAULT_RATE_LIMIT = 100;
export const DEFAULT_RATE_WINDOW_SECONDS = 60;
/**
 * A verified hotkey may send ten times as much: storing a conversation is a burst, and whoever signs can be named.
 * The reference's own limit holds for everybody alike.
 */
export const VERIFIED_RATE_FACTOR = 10;
/** Before a signature is looked at (3 ms of work) its address is counted: several hotkeys may share one. */
export const ADDRESS_RATE_FACTOR = 20;
/**
 * A root after a write is hashed anew, 50 to 165 ms of a thread at 100,000 records: it counts as so many requests. All
 * others count as one, for the reference's own limit must not get smaller.
 */
export const ROOT_COST = 5;
/** Addresses and hotkeys remembered by the limiter: about 20 MB when all of them are busy. */
export const MAX_RATE_KEYS = 20_000;

/** Signatures remembered until they are too old to be sent again; when full, signed requests wait (M-W10). */
export const MAX_SEEN_SIGNATURES = 200_000;
/** Of one caller by auth2: 1,600 requests a second, so that many callers share what all may fill. */
export const MAX_SEEN_OF_CALLER = 20_000;
