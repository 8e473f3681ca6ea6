import {
  splitFrames,
  type AttachQuery,
  type CallContext,
  type LogStream,
  type OutputChunk,
  type StdioStream,
} from "../../api/index.ts";
import { announce } from "../announce.ts";
import type { ContainerEntry } from "../entry.ts";
import { attachPaused, attachRestarting } from "../errors.ts";
import type { ContainerDependencies } from "../types.ts";
import { parseDetachKeys } from "./detach-keys.ts";

interface Needs extends Pick<ContainerDependencies, "events"> {
  /** The log so far, for `logs=1`. */
  replay(entry: ContainerEntry, query: AttachQuery, call: CallContext): Promise<LogStream>;
}

/**
 * A client's hold on a container's stdio. One that does not run yet is attached to when it starts, before its program
 * does; its log is replayed first when that is asked for.
 * @throws conflict when it is paused or restarting; invalid for bad detach keys.
 */
export async function attachTo(
  entry: ContainerEntry,
  ref: string,
  query: AttachQuery,
  call: CallContext,
  needs: Needs,
): Promise<StdioStream> {
  const detachKeys = parseDetachKeys(query.detachKeys, "detach");
  const { phase } = entry.state;
  if (phase.kind === "running" && phase.paused) throw attachPaused(ref);
  if (phase.kind === "restarting") throw attachRestarting(ref);
  const tty = entry.record.config.Tty === true;
  const options = {
    stdin: query.stdin && entry.record.config.OpenStdin === true,
    stdout: query.stdout,
    stderr: query.stderr,
    detachKeys,
  };
  announce(needs.events, entry.record, "attach");
  // Who asks for no stream has heard all of them at once.
  const listens = query.stdout || query.stderr;
  const live = query.stream && (listens || options.stdin) ? await liveStream(entry, tty, options) : undefined;
  try {
    const log = query.logs && listens ? await needs.replay(entry, query, call) : undefined;
    return joined(tty, log, live);
  } catch (error) {
    await live?.[Symbol.asyncDispose]();
    throw error;
  }
}

async function liveStream(
  entry: ContainerEntry,
  tty: boolean,
  options: { stdin: boolean; stdout: boolean; stderr: boolean; detachKeys: Uint8Array },
): Promise<StdioStream> {
  const running = entry.state.phase.kind === "running" ? entry.run : undefined;
  return running === undefined ? entry.pending.add(tty, options) : await running.task.attach(options);
}

/** What was logged, then what comes. */
function joined(tty: boolean, log: LogStream | undefined, live: StdioStream | undefined): StdioStream {
  if (log === undefined && live !== undefined) return live;
  return {
    tty,
    output: both(log, live),
    write: async (data) => await live?.write(data),
    closeInput: async () => await live?.closeInput(),
    [Symbol.asyncDispose]: async () => {
      await log?.[Symbol.asyncDispose]();
      await live?.[Symbol.asyncDispose]();
    },
  };
}

async function* both(log: LogStream | undefined, live: StdioStream | undefined): AsyncGenerator<OutputChunk> {
  if (log !== undefined) {
    for await (const block of log.output) {
      if (log.tty) yield { stream: "stdout", data: block };
      else yield* splitFrames(block);
    }
  }
  if (live !== undefined) yield* live.output;
}
