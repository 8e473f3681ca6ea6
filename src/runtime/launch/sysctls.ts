import type { LinuxSpec } from "../../spec/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { specFailure } from "./errors.ts";

const OF_IPC = new Set(
  "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced".split(
    " ",
  ),
);

/**
 * Writes of the container's sysctls. Only those that the kernel keeps for each namespace are let through, and only
 * where the namespace is not the host's.
 * @throws LaunchError with runc's texts.
 */
export function sysctlOps({ sysctl, namespaces }: LinuxSpec): PlanOp[] {
  const own = (type: string) => namespaces.some((namespace) => namespace.type === type);
  return Object.entries(sysctl).map(([given, value]) => {
    const name = dotted(given);
    const path = swap(name);
    // `net/../kernel/core_pattern` names the host's setting.
    if (path.split("/").some((part) => ["", ".", ".."].includes(part))) {
      throw specFailure(`sysctl "${name}" is not in a separate kernel namespace`);
    }
    if (OF_IPC.has(name) || name.startsWith("fs.mqueue.")) {
      if (!own("ipc")) throw specFailure(`sysctl "${name}" is not allowed in the hosts ipc namespace`);
    } else if (name.startsWith("net.")) {
      if (!own("network")) throw specFailure(`sysctl "${name}" not allowed in host network namespace`);
    } else if (name === "kernel.hostname") {
      throw specFailure(`sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field`);
    } else if (name !== "kernel.domainname" || !own("uts")) {
      throw specFailure(`sysctl "${name}" is not in a separate kernel namespace`);
    }
    return { op: "sysctl", name: path, value };
  });
}

/** sysctl(8): whichever separator comes first is the separator, the other one stands for itself. */
function dotted(name: string): string {
  return /[./]/.exec(name)?.[0] === "/" ? swap(name) : name;
}

const swap = (name: string) => name.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
