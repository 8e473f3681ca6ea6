import { join } from "node:path";
import { EngineError } from "../base/index.ts";
import type { LogDriver, LogFilePlan, LogRequest, LogSource } from "../logging/index.ts";
import type { ContainerEntry } from "./entry.ts";
import { noLogDriver } from "./errors.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerDependencies } from "./types.ts";

/** A container's log: who keeps it, and where. */
export interface ContainerLog {
  readonly driver: LogDriver;
  readonly source: LogSource;
  /** Undefined when nothing is kept. */
  readonly plan: LogFilePlan | undefined;
}

/** @throws invalid when there is no such driver; unknown for options that a start refuses. */
export function logOf(
  record: ContainerRecord,
  needs: Pick<ContainerDependencies, "logDrivers" | "root">,
): ContainerLog {
  const { Type = "", Config } = record.hostConfig.LogConfig ?? {};
  const driver = needs.logDrivers.get(Type);
  if (driver === undefined) throw noLogDriver(Type);
  const options = Config ?? {};
  const plan = driver.file(options, join(needs.root, record.id), record.id);
  return { driver, source: sourceOf(record, plan), plan };
}

function sourceOf(record: ContainerRecord, plan: LogFilePlan | undefined): LogSource {
  return {
    id: record.id,
    name: record.name,
    imageId: record.image.id,
    imageName: record.config.Image ?? "",
    entrypoint: record.path,
    args: record.args,
    createdAt: BigInt(record.createdAt),
    env: record.config.Env ?? [],
    labels: record.config.Labels ?? {},
    options: record.hostConfig.LogConfig?.Config ?? {},
    logPath: plan?.shown === true ? plan.path : "",
  };
}

/** Delivers and compresses what the container logs, until its run has ended and beyond. */
export function attendLog(
  entry: ContainerEntry,
  needs: Pick<ContainerDependencies, "logDrivers" | "logs" | "root">,
): void {
  const log = attended(entry.record, needs);
  if (log?.plan === undefined) return;
  const { driver, source, plan } = log;
  needs.logs.attend({ driver, source, plan, ended: entry.run?.settled ?? Promise.resolve() });
}

/** What is still to be done for the log of a container that was removed; undefined: it is sent nowhere. */
export function farewellOf(
  record: ContainerRecord,
  needs: Pick<ContainerDependencies, "logDrivers" | "root">,
): LogRequest | undefined {
  if (needs.logDrivers.get(record.hostConfig.LogConfig?.Type ?? "")?.open === undefined) return undefined;
  const log = attended(record, needs);
  if (log?.plan === undefined) return undefined;
  return { driver: log.driver, source: log.source, plan: log.plan, ended: Promise.resolve() };
}

/** A container of an earlier engine may have a driver or options that are none here: its start says so. */
function attended(
  record: ContainerRecord,
  needs: Pick<ContainerDependencies, "logDrivers" | "root">,
): ContainerLog | undefined {
  try {
    return logOf(record, needs);
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
