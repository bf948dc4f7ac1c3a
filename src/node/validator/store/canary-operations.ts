import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { Canary, CanaryGroup } from "../canaries.ts";
import { bytesOf, floatsOf } from "./vector-bytes.ts";

interface CanaryRow {
  readonly group_id: string;
  readonly cid: string;
  readonly centre: Uint8Array;
  readonly embedding: Uint8Array;
  readonly expires_at: number;
}

/** The operations on canaries and where they were placed. */
export function canaryOperations(database: SqliteDatabase) {
  const live = database.prepare<[number], CanaryRow>(
    `SELECT group_id, cid, centre, embedding, expires_at FROM canary JOIN canary_group ON canary_group.id = group_id
     WHERE expires_at > ? ORDER BY group_id, cid`,
  );
  const addGroup = database.prepare("INSERT INTO canary_group VALUES (?, ?, ?)");
  const addCanary = database.prepare("INSERT INTO canary VALUES (?, ?, ?)");
  const dropGroups = database.prepare("DELETE FROM canary_group WHERE expires_at <= ?");
  const placed = database.prepare<[string], string>("SELECT cid FROM placement WHERE miner = ?").pluck();
  const place = database.prepare("INSERT OR IGNORE INTO placement VALUES (?, ?)");

  return {
    reads: {
      /** Groups that outlive the time given. */
      canaryGroups: ({ outlive }: { readonly outlive: number }): readonly CanaryGroup[] => groupsOf(live.all(outlive)),
      placedAt: ({ miner }: { readonly miner: Hotkey }): readonly string[] => placed.all(miner),
    },
    writes: {
      addCanaries: ({ groups, now }: { readonly groups: readonly CanaryGroup[]; readonly now: number }): void => {
        dropGroups.run(now);
        for (const { id, centre, expiresAt, members } of groups) {
          addGroup.run(id, bytesOf(centre), expiresAt);
          for (const { cid, embedding } of members) addCanary.run(cid, id, bytesOf(embedding));
        }
      },
      placed: ({ miner, cids }: { readonly miner: Hotkey; readonly cids: readonly string[] }): void => {
        for (const cid of cids) place.run(cid, miner);
      },
    },
  };
}

function groupsOf(rows: readonly CanaryRow[]): readonly CanaryGroup[] {
  const groups = new Map<string, CanaryGroup & { readonly members: Canary[] }>();
  for (const { group_id: id, cid, centre, embedding, expires_at: expiresAt } of rows) {
    const group = groups.get(id) ?? { id, centre: floatsOf(centre), expiresAt, members: [] };
    group.members.push({ cid, embedding: floatsOf(embedding) });
    groups.set(id, group);
  }
  return [...groups.values()];
}
