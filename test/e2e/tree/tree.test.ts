import { expect, test } from "bun:test";
import fixture from "../../fixtures/tree.json";
import { startEngine } from "../../support/engine.ts";
import { sha256Hex } from "../../support/images.ts";
import { treeBytes, treeLayers } from "./layers.ts";
import { treeOf } from "./tree-of.ts";

/** What the real engine made of the same layers, with overlay2, was written by `tools/record-tree.ts`. */
const layers = treeLayers();

/**
 * Where a layer puts a file in a folder that it has no entry for: overlay2 makes one, which hides the owner of that below;
 * with vfs there is only one. So it is with the real engine's vfs, which keeps neither hard links nor user xattrs, though.
 */
const OTHERWISE_WITH_VFS = new Map([['"./below/touched" 40755 0:0 now', '"./below/touched" 40711 9:0 now']]);

test("the layers are those that the real engine was given", () => {
  expect(sha256Hex(treeBytes(layers))).toBe(fixture.archive);
});

test("with overlay2, containers see the tree that the real engine makes", async () => {
  await using engine = await startEngine({ image: false });
  const lines = await treeOf(engine.socket, layers);
  // The lines tell where a difference is, the hash that there is none.
  expect(lines).toEqual(fixture.lines);
  expect(sha256Hex(lines.join("\n"))).toBe(fixture.tree);
});

test("with vfs they see the same", async () => {
  await using engine = await startEngine({ image: false, flags: ["--storage-driver=vfs"] });
  const wanted = fixture.lines.map((line) => OTHERWISE_WITH_VFS.get(line) ?? line);
  expect(await treeOf(engine.socket, layers)).toEqual(wanted);
});
