/**
 * Starts the containers of the matrix's attempts on the real engine and writes what became of them to
 * test/fixtures/effects.json. The engine is to be one that nobody else uses.
 * `tools/bun tools/record-effects.ts SOCKET [SHAPE.MEMBER…]`; without names, all are recorded.
 */
import { effectAttempts } from "../test/e2e/effects/attempts.ts";
import { Effects } from "../test/e2e/effects/run-effect.ts";
import { inParallel } from "../test/e2e/matrix/pool.ts";
import { grouped, readRecording, thisMachine, writeRecording } from "../test/e2e/matrix/recording.ts";
import { apiCall } from "../test/support/api.ts";
import { busyboxArchive } from "../test/support/images.ts";

const [socket, ...only] = process.argv.slice(2);
if (socket === undefined) throw new Error("usage: tools/bun tools/record-effects.ts SOCKET [SHAPE.MEMBER…]");
const fixture = (name: string) => new URL(`../test/fixtures/${name}.json`, import.meta.url).pathname;
const target = process.env["EFFECTS_TARGET"] ?? fixture("effects");

await apiCall(socket, "POST", "/images/load?quiet=1", busyboxArchive(), { "Content-Type": "application/x-tar" });
const { Version: engine } = (await apiCall(socket, "GET", "/version", undefined)).json as { Version: string }; // its shape
await using effects = await Effects.on(socket);
const groups = only.length > 0 ? readRecording(target).groups : {};
for (const [section, attempts] of effectAttempts(readRecording(fixture("matrix")))) {
  if (only.length > 0 && !only.includes(section)) continue;
  groups[section] = grouped(
    await inParallel(attempts, 8, async (each) => [each.key, await effects.attempt(each)] as const),
  );
  writeRecording(target, { engine, machine: thisMachine(), plain: null, groups });
  console.log(`${section}: ${attempts.length}`);
}
