import type { ContainerUpdateBody, ContainerUpdateResponse, HostConfig } from "../../api/index.ts";
import { invalid, unknown } from "../../base/index.ts";
import { announce } from "../announce.ts";
import { validateRestartPolicy } from "../create/validate-config.ts";
import { validateResources } from "../create/validate-resources.ts";
import type { ContainerEntry } from "../entry.ts";
import { contradictingUpdate, updateFailed } from "../errors.ts";
import type { ContainerRecord } from "../record.ts";
import type { ContainerRegistry } from "../registry.ts";
import { resolveDeviceNumbers } from "../spec/devices.ts";
import { compileResources } from "../spec/resources.ts";
import type { ContainerDependencies } from "../types.ts";

/** Limits that an update may change. */
const UPDATABLE = [
  "CpuShares",
  "Memory",
  "MemoryReservation",
  "MemorySwap",
  "NanoCpus",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "BlkioWeight",
  "PidsLimit",
] as const;

/** Changes limits and restart policy; running containers at once. The lock is held. @throws invalid, conflict. */
export async function update(
  entry: ContainerEntry,
  body: ContainerUpdateBody,
  registry: ContainerRegistry,
  needs: Pick<ContainerDependencies, "host" | "events">,
): Promise<ContainerUpdateResponse> {
  if (entry.removing) {
    throw unknown(`Cannot update container ${entry.id}: container is marked for removal and cannot be "update"`);
  }
  if (body.IOMaximumIOps || body.IOMaximumBandwidth) {
    throw invalid("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps");
  }
  const { resources, warnings } = validateResources(body, needs.host, true);
  const record = withPolicy(withLimits(entry.record, resources), body);
  const { resources: checked } = validateResources(record.hostConfig, needs.host, true);
  if (entry.run !== undefined && entry.state.phase.kind === "running") {
    const changes = paired(lifted(resources), record.hostConfig);
    const compiled = compileResources(changes, [], await resolveDeviceNumbers(checked));
    try {
      await entry.run.task.update(compiled);
    } catch (error) {
      throw updateFailed(entry.id, error);
    }
  }
  // Made anew: a link of it may have changed meanwhile, with the name of what it leads to.
  registry.saveRecord(entry, withPolicy(withLimits(entry.record, resources), body));
  announce(needs.events, record, "update");
  return { Warnings: warnings };
}

/** The kernel's word for no limit on processes is `max`, which is -1 for the runtime, where 0 says nothing. */
function lifted(resources: ContainerUpdateBody): ContainerUpdateBody {
  return resources.PidsLimit === 0 ? { ...resources, PidsLimit: -1 } : resources;
}

/** Limits that the kernel takes or counts together: of each pair, what the request leaves out is as it was. */
const PAIRS = [
  ["Memory", "MemorySwap"],
  ["CpuPeriod", "CpuQuota"],
] as const;

function paired(resources: ContainerUpdateBody, host: HostConfig): ContainerUpdateBody {
  const kept = PAIRS.filter((pair) => pair.some((name) => resources[name])).flatMap((pair) =>
    pair.filter((name) => !resources[name]).map((name) => [name, host[name]]),
  );
  return { ...resources, ...Object.fromEntries(kept) };
}

function withLimits(record: ContainerRecord, resources: ContainerUpdateBody): ContainerRecord {
  const { hostConfig: old } = record;
  if (resources.NanoCpus && (old.CpuPeriod || old.CpuQuota)) {
    throw contradictingUpdate(
      record.id,
      `Conflicting options: Nano CPUs cannot be updated as CPU ${old.CpuPeriod ? "Period" : "Quota"} has already been set`,
    );
  }
  if ((resources.CpuPeriod || resources.CpuQuota) && old.NanoCpus) {
    const what = resources.CpuPeriod ? "Period" : "Quota";
    throw contradictingUpdate(
      record.id,
      `Conflicting options: CPU ${what} cannot be updated as NanoCPUs has already been set`,
    );
  }
  if (resources.Memory && resources.Memory > (old.MemorySwap ?? 0) && !resources.MemorySwap) {
    throw contradictingUpdate(
      record.id,
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
  const changed = UPDATABLE.filter((name) => resources[name]).map((name) => [name, resources[name]]);
  // 0 and less lift the limit on processes, which is kept as none.
  if (typeof resources.PidsLimit === "number" && resources.PidsLimit <= 0) changed.push(["PidsLimit", 0]);
  return { ...record, hostConfig: { ...old, ...Object.fromEntries(changed) } };
}

function withPolicy(record: ContainerRecord, { RestartPolicy }: ContainerUpdateBody): ContainerRecord {
  if (!RestartPolicy?.Name) return record;
  if (record.hostConfig.AutoRemove === true && RestartPolicy.Name !== "no") {
    throw contradictingUpdate(
      record.id,
      "Restart policy cannot be updated because AutoRemove is enabled for the container",
    );
  }
  validateRestartPolicy(RestartPolicy);
  const { Name, MaximumRetryCount = 0 } = RestartPolicy;
  return { ...record, hostConfig: { ...record.hostConfig, RestartPolicy: { Name, MaximumRetryCount } } };
}
