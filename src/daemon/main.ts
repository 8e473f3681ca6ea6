import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLogger, messageOf, type LogSink, type Logger } from "../base/index.ts";
import { createEngineMetrics } from "../metrics/index.ts";
import { loadNative, type Native } from "../sys/index.ts";
import { loadConfig } from "./config.ts";
import { checkOptions } from "./configure.ts";
import { unpackNative, type NativeParts } from "./embedded.ts";
import { createEngine, type Engine } from "./engine.ts";
import { noDaemon } from "./errors.ts";
import { daemonHelp } from "./help.ts";
import { listenSpecs } from "./listeners.ts";
import { notifyManager } from "./notify.ts";
import type { DaemonConfig } from "./options.ts";
import { livingPid, writePidFile } from "./pid-file.ts";
import { reloadConfig } from "./reload.ts";
import { processorTime, Rest, restSteps } from "./rest.ts";
import { lockRoot } from "./root-lock.ts";
import { watchSignals } from "./signals.ts";
import { hasTasks, stopDaemon } from "./stop-daemon.ts";
import { GIT_COMMIT, VERSION } from "./version.ts";
import { startWatchdog } from "./watchdog.ts";

/**
 * `berth daemon`: runs the engine until a signal ends it.
 * @param argv the words after `daemon`.
 * @returns the exit code.
 */
export async function daemonMain(argv: readonly string[], native: NativeParts): Promise<number> {
  const sink: LogSink = { level: "info", format: "text", write: (line) => process.stderr.write(`${line}\n`) };
  let doing = "start";
  try {
    const config = await loadConfig(argv);
    if (config.help) return say(daemonHelp());
    if (config.version) return say(`berth version ${VERSION}, build ${GIT_COMMIT}\n`);
    if (config.stop) {
      doing = "stop";
      const pid = await livingPid(config.pidfile);
      if (pid !== undefined) return say(await stopDaemon(pid));
      if (!(await hasTasks(config["exec-root"]))) throw noDaemon(config.pidfile);
      checkOptions(config);
      applyLogging(sink, config);
      await stopContainers(config, native, sink);
      return say("stopped the containers that had no daemon\n");
    }
    // What can be wrong with the hosts is found before anything is made.
    await listenSpecs(config, process.env);
    checkOptions(config);
    if (config.validate) return say("configuration OK\n");
    applyLogging(sink, config);
    await runDaemon(argv, config, native, sink);
    return 0;
  } catch (error) {
    process.stderr.write(`failed to ${doing} daemon: ${messageOf(error)}\n`);
    return 1;
  }
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function applyLogging(sink: LogSink, config: DaemonConfig): void {
  sink.level = config.debug ? "debug" : config["log-level"] === "fatal" ? "fatal" : asLevel(config["log-level"]);
  sink.format = config["log-format"] === "json" ? "json" : "text";
}

function asLevel(text: string): LogSink["level"] {
  return text === "debug" || text === "warn" || text === "error" ? text : "info";
}

async function runDaemon(
  argv: readonly string[],
  config: DaemonConfig,
  parts: NativeParts,
  sink: LogSink,
): Promise<void> {
  const logger = createLogger(sink);
  const signals = watchSignals(logger);
  await using stack = new AsyncDisposableStack();
  const { engine, native } = await openEngine(config, parts, logger, stack);
  await engine.recover();
  for (const spec of await listenSpecs(config, process.env)) {
    const address = await engine.listen(spec);
    if (spec.kind.startsWith("plain-tcp")) logger.warn("tcp without TLS: who can connect is root here", { address });
    logger.info("API listen", { address });
  }
  notifyManager("READY=1", native);
  stack.use(new Rest(processorTime, restSteps()));

  let running = config;
  signals.handle({
    reload: async () => {
      running = await reload(argv, running, engine, sink, logger);
    },
    dump: () => dump(config, engine, logger),
  });
  const ending = await signals.ended;
  notifyManager("STOPPING=1", native);
  await engine.shutdown(ending);
}

/** As a daemon that is told to end with its containers, for those that outlived theirs; serves nobody. */
async function stopContainers(config: DaemonConfig, parts: NativeParts, sink: LogSink): Promise<void> {
  const logger = createLogger(sink);
  // Asked twice, it goes on with the first.
  watchSignals(logger);
  await using stack = new AsyncDisposableStack();
  const { engine } = await openEngine({ ...config, "pool-size": 0, "metrics-addr": "" }, parts, logger, stack);
  await engine.recover({ restarts: false });
  await engine.shutdown("with-containers");
}

/** The engine on its roots, which are this process's until `stack` is disposed. */
async function openEngine(
  config: DaemonConfig,
  parts: NativeParts,
  logger: Logger,
  stack: AsyncDisposableStack,
): Promise<{ engine: Engine; native: Native }> {
  process.umask(0o022);
  await mkdir(config["data-root"], { recursive: true, mode: 0o710 });
  await mkdir(config["exec-root"], { recursive: true, mode: 0o700 });
  const unpacked = await unpackNative(parts, config["exec-root"]);
  const native = loadNative(unpacked.addon);

  stack.use(await lockRoot(config["data-root"], native));
  stack.use(await writePidFile(config.pidfile));
  const metrics = createEngineMetrics();
  stack.use(startWatchdog(logger, metrics.loopDelay));
  const engine = stack.use(
    await createEngine({
      config,
      native,
      addonPath: unpacked.addon,
      shimPath: unpacked.shim,
      initPath: unpacked.init,
      metrics,
      logger,
    }),
  );
  return { engine, native };
}

/** Reads the configuration again; what is wrong in it leaves the running one as it is. */
async function reload(
  argv: readonly string[],
  running: DaemonConfig,
  engine: Engine,
  sink: LogSink,
  logger: Logger,
): Promise<DaemonConfig> {
  try {
    const read = await loadConfig(argv);
    checkOptions(read);
    const { config, needRestart } = reloadConfig(running, read);
    await engine.reload(config);
    applyLogging(sink, config);
    if (needRestart.length > 0)
      logger.warn("options take effect at the next start", { options: needRestart.join(" ") });
    logger.info("configuration read again");
    return config;
  } catch (error) {
    logger.error("configuration not taken", { error: messageOf(error) });
    return running;
  }
}

async function dump(config: DaemonConfig, engine: Engine, logger: Logger): Promise<void> {
  const file = join(config["exec-root"], `state-${new Date().toISOString().replaceAll(":", "")}.json`);
  try {
    await writeFile(file, `${JSON.stringify(await engine.dump(), undefined, 2)}\n`, { mode: 0o600 });
    logger.info("state written", { file });
  } catch (error) {
    logger.error("state not written", { error: messageOf(error) });
  }
}
