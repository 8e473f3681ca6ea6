import { setTimeout as delay } from "node:timers/promises";
import { databaseRows } from "../../../support/database.ts";
import { startEngine } from "../../../support/engine.ts";
import { inventory } from "../../../support/host.ts";
import { eventually } from "../../../support/wait.ts";
import { Client } from "./client.ts";
import { Random } from "./random.ts";
import { Session } from "./session.ts";

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
 */
export async function killLoop(kills: number, seed: number): Promise<KillLoopResult> {
  const began = Date.now();
  await using engine = await startEngine({ ownPool: true });
  const standing = async () => [
    ...(await inventory(engine)).filter((line) => !line.startsWith(`process ${engine.pid} `)),
    // Read again when something was written meanwhile.
    ...(await eventually("the rows", () => databaseRows(engine.dataRoot).catch(() => undefined))),
  ];
  const clean = new Set(await standing());
  const session = new Session(engine);
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
  // Of commits that were carried out and not told.
  await session.expect("POST", "/images/prune", [200]);
  let left: string[] = [];
  await eventually("a clean host", async () => {
    left = (await standing()).filter((line) => !clean.has(line));
    return left.length === 0;
  }).catch(() => session.violated(`left behind:\n${left.join("\n")}`));
  return {
    kills,
    calls: session.calls,
    interrupted: session.interrupted,
    operations: session.operations,
    seconds: Math.round((Date.now() - began) / 1000),
    violations: session.violations,
  };
}
