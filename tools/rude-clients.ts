/**
 * Clients that connect to a private engine and vanish at every point: `tools/bun tools/rude-clients.ts [--clients N]
 * [--rest SECONDS]`. Prints the memory of the daemon and of a shim before and, after a rest, afterwards; exits with 1 when a
 * file stayed open.
 */
import { parseArgs } from "node:util";
import { rudeClients } from "../test/integration/bad-input/rude-clients.ts";

const { values } = parseArgs({
  options: { clients: { type: "string", default: "10000" }, rest: { type: "string", default: "330" } },
});
const { left, daemon, shim } = await rudeClients(Number(values.clients), Number(values.rest));
for (const [name, { before, after }] of Object.entries({ daemon, shim })) {
  console.log(`${name}: ${Math.round(before / 1024)} KiB before, ${Math.round(after / 1024)} KiB after`);
}
for (const line of left) console.log(`left open: ${line}`);
process.exitCode = left.length === 0 ? 0 : 1;
