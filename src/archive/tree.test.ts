import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, linkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadNative } from "../sys/index.ts";
import { usage } from "./tree.ts";

test("a tree's usage counts hard links once; one that is gone has none", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-tree-"));
  try {
    mkdirSync(join(folder, "in"));
    writeFileSync(join(folder, "in/file"), "12345");
    linkSync(join(folder, "in/file"), join(folder, "link"));
    expect(usage(loadNative(), { path: folder })).toEqual({ bytes: 5, inodes: 3 });
    expect(usage(loadNative(), { path: join(folder, "gone") })).toEqual({ bytes: 0, inodes: 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
