/**
 * Tries every member of the container create body and every parameter of the containers' operations on the real engine,
 * and writes what it answered to test/fixtures/matrix.json. The engine is to be one that nobody else uses, since lists are
 * compared; with its data root away from what is bound, of which it would say so.
 * `tools/bun tools/record-matrix.ts SOCKET [SHAPE.MEMBER…] [OPERATION…]`; without names, all are recorded.
 */
import { compact, grouped, readRecording, thisMachine, writeRecording } from "../test/e2e/matrix/recording.ts";
import { Matrix, SECTIONS } from "../test/e2e/matrix/matrix.ts";
import { apiCall } from "../test/support/api.ts";
import { busyboxArchive } from "../test/support/images.ts";

const [socket, ...only] = process.argv.slice(2);
if (socket === undefined)
  throw new Error("usage: tools/bun tools/record-matrix.ts SOCKET [SHAPE.MEMBER…] [OPERATION…]");
const target = process.env.MATRIX_TARGET ?? new URL("../test/fixtures/matrix.json", import.meta.url).pathname;

await apiCall(socket, "POST", "/images/load?quiet=1", busyboxArchive(), { "Content-Type": "application/x-tar" });
const { Version: engine } = (await apiCall(socket, "GET", "/version", undefined)).json as { Version: string }; // its shape
await using matrix = await Matrix.on(socket);
const before = only.length > 0 ? readRecording(target).groups : {};
const groups: typeof before = {};
for (const section of SECTIONS) {
  const isWanted = only.length === 0 || only.includes(section);
  const kept = before[section];
  if (isWanted) groups[section] = grouped(await matrix.run(section));
  else if (kept !== undefined) groups[section] = kept;
  if (isWanted) console.log(section);
}
writeRecording(target, { engine, machine: thisMachine(), plain: compact(matrix.plain), groups });
