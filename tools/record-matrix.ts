/**
 * Tries every member of the container create body and every parameter of the containers' operations on the real engine,
 * and writes what it answered to test/fixtures/matrix.json. The engine is to be one that nobody else uses, since lists are
 * compared; with its data root away from what is bound, of which it would say so.
 * `tools/bun tools/record-matrix.ts SOCKET [SHAPE.MEMBER…] [OPERATION…]`; without names, all are recorded. With
 * MATRIX_MISSING=1, those attempts are made that have no record yet, and records without an attempt are dropped.
 */
import { compact, grouped, readRecording, thisMachine, writeRecording } from "../test/e2e/matrix/recording.ts";
import { keysOf, Matrix, SECTIONS } from "../test/e2e/matrix/matrix.ts";
import { apiCall } from "../test/support/api.ts";
import { busyboxArchive } from "../test/support/images.ts";

const [socket, ...only] = process.argv.slice(2);
if (socket === undefined)
  throw new Error("usage: tools/bun tools/record-matrix.ts SOCKET [SHAPE.MEMBER…] [OPERATION…]");
const target = process.env.MATRIX_TARGET ?? new URL("../test/fixtures/matrix.json", import.meta.url).pathname;

await apiCall(socket, "POST", "/images/load?quiet=1", busyboxArchive(), { "Content-Type": "application/x-tar" });
const { Version: engine } = (await apiCall(socket, "GET", "/version", undefined)).json as { Version: string }; // its shape
await using matrix = await Matrix.on(socket);
const onlyMissing = process.env["MATRIX_MISSING"] === "1";
const before = only.length > 0 || onlyMissing ? readRecording(target).groups : {};
const groups: typeof before = { ...before };
for (const section of SECTIONS) {
  if (only.length > 0 && !only.includes(section)) continue;
  const known = new Map(
    (before[section] ?? []).flatMap(([outcome, keys]) => keys.map((key) => [key, outcome] as const)),
  );
  const kept = onlyMissing ? known : new Map<string, unknown>();
  const made = new Map(await matrix.run(section, (key) => !kept.has(key)));
  const all = keysOf(section).map((key) => [key, made.has(key) ? made.get(key) : kept.get(key)] as const);
  groups[section] = grouped(all);
  const { plain } = matrix;
  writeRecording(target, { engine, machine: thisMachine(), plain: compact(plain), groups });
  console.log(`${section}: ${made.size}`);
}
