export { EngramError, isEngramError } from "./crypto/errors.ts";
export type {
  ClientStatus,
  DeleteResult,
  Hit,
  JsonValue,
  ListInput,
  Memory,
  MemoryClient,
  MemoryId,
  Metadata,
  NamespaceInfo,
  NewMemory,
  QueryInput,
  QueryResult,
  ReplicaState,
  StoreInput,
  StoreResult,
} from "./node/client/memory.ts";
export { type OpenEngramOptions, openEngram } from "./node/open-engram.ts";
export type { Embedder, EmbeddingProfile, EmbedOptions } from "./node/ports.ts";
export { type Condition, type Filter, parseFilter } from "./node/protocol/filter.ts";
export { createLogger, type Logger } from "./node/runtime/logger.ts";
