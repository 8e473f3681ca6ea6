import { expect, test } from "bun:test";
import type { ImageSummary } from "../api/index.ts";
import { printImageTree } from "./image-tree.ts";
import { ScriptedIo } from "./testing/scripted-io.ts";

/** What is printed, without colours. */
async function printed(images: readonly unknown[]): Promise<string[]> {
  const io = new ScriptedIo({});
  await printImageTree(io, images as ImageSummary[]); // what an engine with manifests gives, as far as it is looked at
  return io.stdout
    .replaceAll(/\x1b\[\d+m/g, "")
    .split("\n")
    .slice(3);
}

const image = { Id: `sha256:${"a".repeat(64)}`, Size: 1_980_000, RepoTags: ["b:1", "longer:1"] };
const manifest = (architecture: string, Containers: string[]) => ({
  ID: `sha256:${architecture.padEnd(64, "0")}`,
  Kind: "image",
  Size: { Total: 3000, Content: 1000 },
  ImageData: { Platform: { os: "linux", architecture }, Containers },
});

test("the shortest of an image's names stands beside its columns, and without a name it is left out", async () => {
  expect(await printed([image, { ...image, RepoTags: [] }])).toEqual([
    "IMAGE      ID             DISK USAGE   CONTENT SIZE   EXTRA",
    "longer:1",
    "b:1        aaaaaaaaaaaa       1.98MB             0B        ",
    "",
  ]);
});

test("an image has a branch for each platform, marked when it is in use", async () => {
  const Manifests = [manifest("amd64", []), manifest("arm64", ["c"]), { ...manifest("x", []), Kind: "attestation" }];
  expect(await printed([{ ...image, RepoTags: ["b:1"], Manifests }])).toEqual([
    "IMAGE            ID             DISK USAGE   CONTENT SIZE   EXTRA",
    "b:1              aaaaaaaaaaaa       1.98MB            3kB   U    ",
    "├─ linux/amd64   amd640000000          3kB            1kB        ",
    "└─ linux/arm64   arm640000000          3kB            1kB   U    ",
    "",
    "",
  ]);
});
