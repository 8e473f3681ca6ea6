import { join } from "node:path";
import type { CallContext, LogStream, LogsQuery } from "../../api/index.ts";
import { invalid } from "../../base/index.ts";
import type { ContainerEntry } from "../entry.ts";
import { noLogDriver } from "../errors.ts";
import type { ContainerDependencies } from "../types.ts";

/**
 * `GET /containers/{id}/logs`: what the container's log driver kept; a follower ends with the container's run.
 * @throws invalid when neither stream is asked for; not-implemented when the driver cannot be read.
 */
export async function readLogs(
  entry: ContainerEntry,
  query: LogsQuery,
  call: CallContext,
  needs: Pick<ContainerDependencies, "logDrivers" | "root">,
): Promise<LogStream> {
  if (!query.stdout && !query.stderr) throw invalid("must specify at least one of 'stdout' or 'stderr'");
  const { record } = entry;
  const { Type = "", Config = {} } = record.hostConfig.LogConfig ?? {};
  const driver = needs.logDrivers.get(Type);
  if (driver === undefined) throw noLogDriver(Type);
  const plan = driver.file(Config, join(needs.root, record.id), record.id);
  return await driver.read({
    path: plan?.path ?? "",
    maxFiles: plan?.maxFiles ?? 1,
    tty: record.config.Tty === true,
    query,
    details: details(entry, Config),
    ended: entry.run?.settled ?? Promise.resolve(),
    signal: call.signal,
  });
}

/** Labels and variables that the log options name, as `--details` shows them. */
function details(entry: ContainerEntry, options: Record<string, string>): string {
  const { Labels = {}, Env = [] } = entry.record.config;
  const variables = Object.fromEntries(
    Env.map((entry): [string, string] => {
      const equals = entry.indexOf("=");
      return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
  const chosen = { ...choose(variables, options["env"]), ...choose(Labels, options["labels"]) };
  if (options["tag"]) chosen["tag"] = options["tag"];
  return Object.entries(chosen)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join(",");
}

function choose(values: Record<string, string>, names: string | undefined): Record<string, string> {
  const wanted = new Set((names ?? "").split(",").filter((name) => name !== ""));
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted.has(name)));
}
