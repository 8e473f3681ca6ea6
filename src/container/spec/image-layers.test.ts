import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AT_FDCWD, loadNative } from "../../sys/index.ts";
import { imageLayers } from "./image-layers.ts";

const native = loadNative();
const folder = mkdtempSync(join(tmpdir(), "berth-image-layers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [upper, middle, lower] = ["upper", "middle", "lower"].map((name) => join(folder, name));
for (const layer of [upper, middle, lower]) mkdirSync(join(layer ?? "", "etc/shared"), { recursive: true });
mkdirSync(join(lower ?? "", "etc/removed"));
native.mknodat(AT_FDCWD, join(middle ?? "", "etc/removed"), 0o020000, 0, 0);
mkdirSync(join(lower ?? "", "opaque/inside"), { recursive: true });
mkdirSync(join(middle ?? "", "opaque/inside"), { recursive: true });
native.setxattr(join(middle ?? "", "opaque"), "trusted.overlay.opaque", Buffer.from("y"), 0);
writeFileSync(join(lower ?? "", "etc/file"), "lower");
writeFileSync(join(middle ?? "", "etc/file"), "middle");
symlinkSync("etc", join(upper ?? "", "link"));

const image = {
  type: "overlay",
  lower: [upper, middle, lower].map(String),
  upper: undefined,
  work: undefined,
} as const;
const layersOf = async (subpath: string) =>
  (await imageLayers(native, image, subpath)).map((path) => path.slice(folder.length + 1));

test.each([
  ["", ["upper", "middle", "lower"]],
  ["etc/shared", ["upper/etc/shared", "middle/etc/shared", "lower/etc/shared"]],
  ["etc/../etc/./shared/", ["upper/etc/shared", "middle/etc/shared", "lower/etc/shared"]],
  ["opaque/inside", ["middle/opaque/inside"]],
  ["etc/file", ["middle/etc/file"]],
])("%o of an image is in the layers that show there", async (subpath, layers) => {
  expect(await layersOf(subpath)).toEqual(layers);
});

test.each(["etc/removed", "nosuch", "etc/file/x", "link", "link/shared"])("%o is in no layer", async (subpath) => {
  expect(layersOf(subpath)).rejects.toThrow(`no such file or directory in the image: ${subpath}`);
});
