import { invalid } from "../base/index.ts";
import { ALL_CAPABILITIES } from "../spec/index.ts";

/** What a container has when nothing else is asked for, as in Docker. */
export const DEFAULT_CAPABILITIES: readonly string[] = (
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL " +
  "AUDIT_WRITE"
)
  .split(" ")
  .map((name) => `CAP_${name}`);

/**
 * The bounding set of a container. Names come with or without `CAP_`, any case, or `ALL`.
 * @param available what the kernel knows; a privileged container gets all of it.
 * @throws invalid with Docker's texts for a name that is none, and for one that is not available.
 */
export function boundingSet(
  request: { add: readonly string[]; drop: readonly string[]; privileged: boolean },
  available: readonly string[],
): string[] {
  const add = parse(request.add, "CapAdd", available);
  const drop = parse(request.drop, "CapDrop", available);
  if (request.privileged) return [...available];
  if (add.has("ALL")) return available.filter((name) => !drop.has(name));
  if (drop.has("ALL")) return available.filter((name) => add.has(name));
  const kept = DEFAULT_CAPABILITIES.filter((name) => !drop.has(name));
  const added = available.filter((name) => add.has(name) && !kept.includes(name));
  return [...kept, ...added];
}

function parse(names: readonly string[], member: string, available: readonly string[]): Set<string> {
  const parsed = new Set<string>();
  for (const text of names) {
    const upper = text.toUpperCase();
    const name = upper === "ALL" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (name !== "ALL" && !ALL_CAPABILITIES.includes(name)) {
      throw invalid(`invalid ${member}: unknown capability: "${name}"`);
    }
    if (name !== "ALL" && !available.includes(name)) {
      throw invalid(
        `invalid ${member}: capability not supported by your kernel or not available in the current environment: "${name}"`,
      );
    }
    parsed.add(name);
  }
  return parsed;
}
