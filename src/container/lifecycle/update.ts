import type { ContainerUpdateBody, ContainerUpdateResponse } from "../../api/index.ts";
import { conflict, invalid, unknown } from "../../base/index.ts";
import { announce } from "../announce.ts";
import { validateRestartPolicy } from "../create/validate-config.ts";
import { validateResources } from "../create/validate-resources.ts";
import type { ContainerEntry } from "../entry.ts";
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
  const { resources, warnings } = validateResources(body, needs.host, true);
  const record = withPolicy(withLimits(entry.record, resources), body);
  const { resources: checked } = validateResources(record.hostConfig, needs.host, true);
  if (entry.run !== undefined && entry.state.phase.kind === "running") {
    await entry.run.task.update(compileResources(resources, [], await resolveDeviceNumbers(checked)));
  }
  registry.saveRecord(entry, record);
  announce(needs.events, record, "update");
  return { Warnings: warnings };
}

function withLimits(record: ContainerRecord, resources: ContainerUpdateBody): ContainerRecord {
  const { hostConfig: old } = record;
  if (resources.NanoCpus && (old.CpuPeriod || old.CpuQuota)) {
    throw conflict(
      `Conflicting options: Nano CPUs cannot be updated as CPU ${old.CpuPeriod ? "Period" : "Quota"} has already been set`,
    );
  }
  if ((resources.CpuPeriod || resources.CpuQuota) && old.NanoCpus) {
    const what = resources.CpuPeriod ? "Period" : "Quota";
    throw conflict(`Conflicting options: CPU ${what} cannot be updated as NanoCPUs has already been set`);
  }
  if (
    resources.Memory &&
    old.MemorySwap &&
    resources.Memory > old.MemorySwap &&
    old.MemorySwap > 0 &&
    !resources.MemorySwap
  ) {
    throw conflict(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
  const changed = UPDATABLE.filter((name) => resources[name]).map((name) => [name, resources[name]]);
  return { ...record, hostConfig: { ...old, ...Object.fromEntries(changed) } };
}

function withPolicy(record: ContainerRecord, { RestartPolicy }: ContainerUpdateBody): ContainerRecord {
  if (!RestartPolicy?.Name) return record;
  if (record.hostConfig.AutoRemove === true && RestartPolicy.Name !== "no") {
    throw invalid("Restart policy cannot be updated because AutoRemove is enabled for the container");
  }
  validateRestartPolicy(RestartPolicy);
  const { Name, MaximumRetryCount = 0 } = RestartPolicy;
  return { ...record, hostConfig: { ...record.hostConfig, RestartPolicy: { Name, MaximumRetryCount } } };
}
