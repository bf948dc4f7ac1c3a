export { EngramError, isEngramError } from "./crypto/errors.ts";
export type { Hotkey } from "./crypto/ss58.ts";
export { DexterTools } from "./mcp/dexter/dexter-tools.ts";
export { openChain } from "./node/chain/open-chain.ts";
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
export type {
  BlockRef,
  ChainClient,
  Embedder,
  EmbeddingProfile,
  EmbedOptions,
  Metagraph,
  Neuron,
} from "./node/ports.ts";
export { type Condition, type Filter, parseFilter } from "./node/protocol/filter.ts";
export { createLogger, type Logger } from "./node/runtime/logger.ts";
export { homeEnvironment } from "./node/runtime/saved-subnet.ts";
export { type DexterSettings, dexterSettings } from "./relay/dexter/dexter-settings.ts";
export { fenceIntelligence } from "./relay/intelligence/fence-intelligence.ts";
export { type IntelligenceReader, isRefused } from "./relay/intelligence/intelligence-reader.ts";
export { type OpenIntelligenceOptions, openIntelligence } from "./relay/intelligence/open-intelligence.ts";
export type {
  CheckedItem,
  CheckedPayment,
  CheckedQuorum,
  IntelligencePage,
  IntelligenceProblem,
  IntelligenceQuery,
  IntelligenceSource,
  RefusedItem,
} from "./relay/intelligence/types.ts";
export { type PlainInference, plainSubmission } from "./relay/payload/plain-submission.ts";
export type { Assurance, OutputType } from "./relay/payload/types.ts";
export { type Receipt, verifyReceipt, verifyReceiptChain } from "./relay/receipt.ts";
