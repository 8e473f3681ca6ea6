/**
 * Loads the layers of the tree test in the real engine, with overlay2, and writes what its containers see to
 * test/fixtures/tree.json. `tools/bun tools/record-tree.ts SOCKET`
 */
import { writeFileSync } from "node:fs";
import { apiCall } from "../test/support/api.ts";
import { sha256Hex } from "../test/support/images.ts";
import { treeBytes, treeLayers } from "../test/e2e/tree/layers.ts";
import { treeOf } from "../test/e2e/tree/tree-of.ts";

const [socket] = process.argv.slice(2);
if (socket === undefined) throw new Error("usage: tools/bun tools/record-tree.ts SOCKET");
const TARGET = new URL("../test/fixtures/tree.json", import.meta.url).pathname;

const { Version: engine } = (await apiCall(socket, "GET", "/version", undefined)).json as { Version: string }; // its shape
const layers = treeLayers();
const lines = await treeOf(socket, layers);
const fixture = { engine, archive: sha256Hex(treeBytes(layers)), tree: sha256Hex(lines.join("\n")), lines };
writeFileSync(TARGET, `${JSON.stringify(fixture, undefined, 1)}\n`);
console.log(`${lines.length} entries, tree ${fixture.tree}`);
