import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { messageOf } from "../../base/index.ts";
import { CALL, FakeWorld } from "./fake-world.ts";

/**
 * Runs a container's life with a failure injected at the point that the file of `BERTH_CRASH=@FILE` names, for each
 * point in turn, and prints what each left as lines of JSON. A process of its own: crash points are armed at its start.
 */
const armFile = (process.env["BERTH_CRASH"] ?? "").slice(1);
const traceFile = process.env["BERTH_CRASH_TRACE"] ?? "";

const BODY = { Volumes: { "/data": {} }, HostConfig: { Binds: ["named:/n"] } };
const RM = { force: true, volumes: true, link: false };

async function life(world: FakeWorld): Promise<string> {
  try {
    const id = await world.run(BODY, "web");
    const { result } = await world.containers.wait(id, "next-exit", CALL);
    world.runtime.task(id).exit(0);
    await result;
    await world.containers.remove(id, RM);
    return "done";
  } catch (error) {
    return messageOf(error);
  }
}

/** One life with `point` failing; then what is left, and what is left once the container is removed. */
async function probe(point: string): Promise<void> {
  await using world = new FakeWorld();
  writeFileSync(armFile, point === "" ? "" : `${point}=EIO`);
  const watchdog = AbortSignal.timeout(120_000);
  const outcome = await Promise.race([
    life(world),
    new Promise<string>((resolve) => watchdog.addEventListener("abort", () => resolve("stuck"))),
  ]);
  writeFileSync(armFile, "");
  const left = world.traces();
  // Whatever failed, another daemon on the same state must be able to clean it all.
  await world.reboot();
  const known = await world.containers.list({ all: true, limit: undefined, size: false, filters: new Map() });
  const states = known.map((summary) => summary.State);
  for (const { Id = "" } of known) await world.containers.remove(Id, RM);
  await world.service.shutdown();
  console.log(JSON.stringify({ point, outcome, left, states, after: world.traces() }));
}

writeFileSync(traceFile, "");
await probe("");
const points = new Set(readFileSync(traceFile, "utf8").trim().split("\n"));
appendFileSync(traceFile, "");
for (const point of points) await probe(point);
process.exit(0);
