import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { ScanClient } from "../../vectors/scan/scan-client.ts";
import { approvalOperations } from "./approval-operations.ts";
import { archiveOperations } from "./archive-operations.ts";
import { auditOperations } from "./audit-operations.ts";
import { compactionOperations } from "./compaction-operations.ts";
import { copyOperations } from "./copy-operations.ts";
import { journalOperations } from "./journal-operations.ts";
import { leaseOperations } from "./lease-operations.ts";
import { memoryOperations } from "./memory-operations.ts";
import { namespaceOperations } from "./namespace-operations.ts";
import { recallOperations } from "./recall-operations.ts";
import { replicationOperations } from "./replication-operations.ts";
import { restoreOperations } from "./restore-operations.ts";
import { sharingOperations } from "./sharing-operations.ts";
import { vectorOperations } from "./vector-operations.ts";

/** Everything the memory store's worker does. */
export function storeOperations(database: SqliteDatabase, scan: ScanClient) {
  const namespaces = namespaceOperations(database);
  const memories = memoryOperations(database);
  const vectors = vectorOperations(database);
  const recall = recallOperations(database, scan);
  const leases = leaseOperations(database);
  const approvals = approvalOperations(database);
  const journal = journalOperations(database);
  const compaction = compactionOperations(database);
  const replication = replicationOperations(database);
  const restoring = restoreOperations(database);
  const audits = auditOperations(database);
  const sharing = sharingOperations(database);
  const archives = archiveOperations(database);
  const copies = copyOperations(database);
  return {
    reads: {
      ...namespaces.reads,
      ...memories.reads,
      ...vectors.reads,
      ...recall.reads,
      ...approvals.reads,
      ...journal.reads,
      ...compaction.reads,
      ...replication.reads,
      ...audits.reads,
      ...archives.reads,
      ...copies.reads,
      ...sharing.reads,
    },
    writes: {
      ...namespaces.writes,
      ...memories.writes,
      ...vectors.writes,
      ...leases.writes,
      ...approvals.writes,
      ...journal.writes,
      ...replication.writes,
      ...restoring.writes,
      ...audits.writes,
      ...archives.writes,
      ...sharing.writes,
    },
  };
}

export type MemoryStoreOperations = ReturnType<typeof storeOperations>;
