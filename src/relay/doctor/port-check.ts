import { access } from "node:fs/promises";
import { join } from "node:path";
import { broken, type Finding, ok, warning } from "../../node/commands/doctor/check.ts";
import { count } from "../../node/commands/output.ts";
import { subnetFolder } from "../local-subnet/plan.ts";
import { isFree, readPorts } from "../local-subnet/ports.ts";

/** Whether who should listen on the ports of the folder's local subnet does, and nobody else. */
export async function checkPorts(home: string): Promise<Finding> {
  const name = "ports";
  const path = join(subnetFolder({ home }), "ports.json");
  const ports = Object.entries(await readPorts(path));
  if (ports.length === 0) return ok(name, "no local subnet in this folder");
  const free = await Promise.all(ports.map(([, port]) => isFree(port)));
  const runs = await access(join(home, "subnet.json")).then(
    () => true,
    () => false,
  );
  const named = ports.filter((_, i) => free[i] === runs).map(([process, port]) => `${process} (${port})`);
  if (named.length > 0 && runs) {
    return broken(name, `nobody listens for ${named.join(", ")}`, 'Start "engram up" again on this folder.');
  }
  if (named.length > 0) {
    const fix = `Stop that program, or delete ${path}: ports are then chosen anew.`;
    return warning(name, `another program has the port of ${named.join(", ")}`, fix);
  }
  return ok(name, runs ? `${count(ports.length, "process", "processes")} of the local subnet listen` : "free");
}
