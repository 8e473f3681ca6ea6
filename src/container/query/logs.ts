import type { CallContext, LogStream, LogsQuery } from "../../api/index.ts";
import { invalid } from "../../base/index.ts";
import { detailsText } from "../../logging/index.ts";
import type { ContainerEntry } from "../entry.ts";
import { logOf } from "../logging.ts";
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
  const { driver, source, plan } = logOf(entry.record, needs);
  return await driver.read({
    path: plan?.path ?? "",
    maxFiles: plan?.maxFiles ?? 1,
    tty: entry.record.config.Tty === true,
    query,
    options: source.options,
    details: query.details ? detailsText(driver.attributes(source)) : "",
    ended: entry.run?.settled ?? Promise.resolve(),
    signal: call.signal,
  });
}
