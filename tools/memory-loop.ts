/**
 * Runs containers on a private engine, thousands of them, and compares the daemon's memory while it is idle before and after:
 * `tools/bun tools/memory-loop.ts [--runs N] [--warm N] [--network NAME]`. It waits each time for what happens by itself within
 * five minutes: workers and spare supervisors end, garbage is collected, compiled code goes. Exits with 1 when more than a tenth
 * was kept, or a file stayed open.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { moreOpenFiles, openFiles } from "../test/support/descriptors.ts";
import { startEngine, type TestEngine } from "../test/support/engine.ts";
import { anonymousBytes } from "../test/support/memory.ts";
import { eventually } from "../test/support/wait.ts";

const AT_A_TIME = 4;
const IDLE_MS = 360_000;
const KEPT = 1.1;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    warm: { type: "string", default: "200" },
    network: { type: "string", default: "none" },
  },
});

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

async function runOne(engine: TestEngine): Promise<void> {
  const HostConfig = { AutoRemove: true, NetworkMode: values.network };
  const made = await engine.api("POST", "/containers/create", { Image: "busybox:local", Cmd: ["true"], HostConfig });
  if (made.status !== 201) throw new Error(`create: ${made.status} ${made.text}`);
  const { Id } = made.json as { Id: string }; // the API's shape
  const removed = engine.api("POST", `/containers/${Id}/wait?condition=removed`);
  const started = await engine.api("POST", `/containers/${Id}/start`);
  if (started.status !== 204) throw new Error(`start: ${started.status} ${started.text}`);
  await removed;
}

async function runMany(engine: TestEngine, count: number): Promise<void> {
  let left = count;
  const work = async () => {
    while (left-- > 0) await runOne(engine);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

async function idle(engine: TestEngine): Promise<number> {
  await delay(IDLE_MS);
  const bytes = anonymousBytes(engine.pid);
  console.log(`  of which JavaScript's heap: ${await heapOf(engine)}`);
  return bytes;
}

/** What the daemon tells of itself when it is asked for its state. */
async function heapOf(engine: TestEngine): Promise<string> {
  process.kill(engine.pid, "SIGUSR1");
  const name = await eventually("the daemon's state", () =>
    readdirSync(engine.execRoot).find((each) => each.startsWith("state-")),
  );
  const file = join(engine.execRoot, name);
  const text = await eventually("the whole of it", () => {
    const read = readFileSync(file, "utf8");
    return read.endsWith("}\n") && read;
  });
  rmSync(file);
  const { memory } = JSON.parse(text) as { memory: NodeJS.MemoryUsage }; // as the daemon writes it
  const { heapUsed, heapTotal, external } = memory;
  return `${mebibytes(heapUsed)} of ${mebibytes(heapTotal)}, external ${mebibytes(external)}`;
}

await using engine = await startEngine({ checked: false });
console.log(`fresh: ${mebibytes(await idle(engine))}`);
await runMany(engine, Number(values.warm));
const before = await idle(engine);
const files = openFiles(engine.pid);
console.log(`idle after ${values.warm} runs: ${mebibytes(before)}`);
const total = Number(values.runs);
const began = Date.now();
for (let done = 0; done < total; done += 1000) {
  await runMany(engine, Math.min(1000, total - done));
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`${Math.min(total, done + 1000)} runs, ${seconds} s: ${mebibytes(anonymousBytes(engine.pid))}`);
}
const after = await idle(engine);
const more = moreOpenFiles(files, openFiles(engine.pid));
console.log(`idle after ${total} more: ${mebibytes(after)}, ${(after / before).toFixed(2)} of before`);
for (const line of more) console.log(line);
process.exitCode = after > before * KEPT || more.length > 0 ? 1 : 0;
