import { setTimeout as delay } from "node:timers/promises";
import { databaseRows } from "../../../support/database.ts";
import { moreOpenFiles, openFiles } from "../../../support/descriptors.ts";
import { NO_SPARES, startEngine, type TestEngine } from "../../../support/engine.ts";
import { inventory } from "../../../support/host.ts";
import { busyboxEntries, dockerArchive } from "../../../support/images.ts";
import { eventually } from "../../../support/wait.ts";
import { Client } from "./client.ts";
import { Collectors } from "./collectors.ts";
import { Random } from "./random.ts";
import { Served } from "./served.ts";
import { Session } from "./session.ts";
import { udpServer } from "./udp-server.ts";

const CLIENTS = 4;
/** What a kill meets; the daemon, when the others are not there. */
const VICTIMS = ["daemon", "daemon", "supervisor", "netd"] as const;

export interface KillLoopResult {
  kills: number;
  calls: number;
  interrupted: number;
  /** What clients did, and how often. */
  operations: ReadonlyMap<string, number>;
  seconds: number;
  violations: string[];
}

/**
 * Clients work on an engine of their own of which a process is killed (SIGKILL) so many times: the daemon, which is started
 * again, the supervisor of some container, or netd. Nothing that a client was told may turn out to be wrong, and at the end
 * nothing may be left on the host.
 * @param seed decides what the clients do and when something is killed, as far as the machine lets it.
 * @param options `remote`: logs are sent to collectors, where every line must arrive, and the last daemon and the last netd
 * may have no more files open than the first.
 */
export async function killLoop(
  kills: number,
  seed: number,
  { remote = false }: { remote?: boolean } = {},
): Promise<KillLoopResult> {
  const began = Date.now();
  await using collectors = remote ? await Collectors.start() : undefined;
  await using engine = await startEngine({ ownPool: true, image: false, ...(remote ? { flags: NO_SPARES } : {}) });
  const server = { name: "bin/udp-server", mode: 0o755, data: await udpServer() };
  await engine.load(dockerArchive({ name: "busybox:local", layers: [busyboxEntries(), [server]] }));
  const standing = async () => [
    ...(await inventory(engine)).filter((line) => !line.startsWith(`process ${engine.pid} `)),
    // Read again when something was written meanwhile.
    ...(await eventually("the rows", () => databaseRows(engine.dataRoot).catch(() => undefined))),
  ];
  const clean = new Set(await standing());
  const opened = remote ? await openedOnce(engine) : new Map<string, number>();
  const session = new Session(engine, collectors);
  const served = remote ? await Served.begin(session) : undefined;
  const random = new Random(seed);
  const clients = Array.from({ length: CLIENTS }, (_, index) => new Client(session, seed + 1 + index, `k${index}`));
  const working = Promise.all(clients.map((client) => client.work()));
  for (let kill = 0; kill < kills; kill++) {
    await Promise.race([session.moreCalls(random.between(1, 30)), working]);
    // Within what was just begun.
    await delay(random.between(0, 12));
    const victim = random.pick(VICTIMS);
    if (victim === "supervisor" && session.killSupervisor(random)) continue;
    if (victim === "netd" && session.killNetd()) continue;
    await session.killAndStart(random.next() < 0.25 ? random.between(20, 400) : undefined);
  }
  session.over = true;
  await working;
  await Promise.all(clients.map((client) => client.finish()));
  await served?.end();
  // Of commits that were carried out and not told.
  await session.expect("POST", "/images/prune", [200]);
  let left: string[] = [];
  await eventually("a clean host", async () => {
    left = (await standing()).filter((line) => !clean.has(line));
    return left.length === 0;
  }).catch(() => session.violated(`left behind:\n${left.join("\n")}`));
  if (remote) {
    let more: string[] = [];
    await eventually("no more open files", () => {
      more = moreOpenFiles(opened, openFiles(engine.pid));
      return more.length === 0;
    }).catch(() => session.violated(more.join("\n")));
  }
  return {
    kills,
    calls: session.calls,
    interrupted: session.interrupted,
    operations: session.operations,
    seconds: Math.round((Date.now() - began) / 1000),
    violations: session.violations,
  };
}

/** What a daemon has open once it had to do with a container: its watches are made with the first. */
async function openedOnce(engine: TestEngine): Promise<Map<string, number>> {
  const body = { Image: "busybox:local", Cmd: ["true"], HostConfig: { LogConfig: { Type: "local" } } };
  const { json } = await engine.api("POST", "/containers/create", body);
  const { Id } = json as { Id: string }; // the API's shape
  await engine.api("POST", `/containers/${Id}/start`);
  await engine.api("GET", `/containers/${Id}/logs?stdout=1&follow=1`);
  await engine.api("DELETE", `/containers/${Id}?force=1`);
  return openFiles(engine.pid);
}
