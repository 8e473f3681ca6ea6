import { messageOf, type Logger } from "../base/index.ts";

export interface SignalActions {
  reload: () => Promise<void>;
  dump: () => Promise<void>;
}

/** How the daemon ends: `alone`, or with its containers, as before the host goes down. */
export type Ending = "alone" | "with-containers";

export interface Signals {
  /** Resolves when a signal asks the daemon to end. */
  ended: Promise<Ending>;
  /** What SIGHUP and SIGUSR1 do from now on; what came before is done now. */
  handle(actions: SignalActions): void;
}

/**
 * SIGTERM and SIGINT end the daemon, a third one at once; SIGUSR2 stops its containers too; SIGHUP reloads; SIGUSR1 dumps.
 * Called before the daemon starts, so that none of them kills it half way.
 */
export function watchSignals(logger: Logger): Signals {
  const ended = Promise.withResolvers<Ending>();
  const ready = Promise.withResolvers<SignalActions>();
  let asked = 0;
  const end = (signal: string, ending: Ending) => {
    asked += 1;
    logger.info("ending", { signal });
    if (asked >= 3) process.exit(1);
    ended.resolve(ending);
  };
  // One after another: a reload reads a file, and the last signal has to see the newest.
  let last: Promise<unknown> = ready.promise;
  const queue = (action: keyof SignalActions) => {
    last = last.then(async () => {
      const actions = await ready.promise;
      await actions[action]();
    });
  };
  process.on("SIGTERM", () => end("SIGTERM", "alone"));
  process.on("SIGINT", () => end("SIGINT", "alone"));
  process.on("SIGUSR2", () => end("SIGUSR2", "with-containers"));
  process.on("SIGHUP", () => queue("reload"));
  process.on("SIGUSR1", () => queue("dump"));
  // A client that goes away must never end the daemon.
  process.on("SIGPIPE", () => undefined);
  process.on("unhandledRejection", (reason) => {
    logger.error("a failure reached no one", { error: messageOf(reason) });
  });
  return { ended: ended.promise, handle: ready.resolve };
}
