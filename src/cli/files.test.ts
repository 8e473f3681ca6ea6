import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkOutput } from "./files.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-files-"));
  await writeFile(join(folder, "file"), "old");
  await symlink("file", join(folder, "link"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a file may be written anew, and one that is not there made", async () => {
  await checkOutput(join(folder, "file"), "failed");
  await checkOutput(join(folder, "other"), "failed");
});

test("what is no file is not replaced by one", async () => {
  await expect(checkOutput("/dev/null", "failed")).rejects.toThrow("failed: cannot write to a character device file");
  await expect(checkOutput(folder, "failed")).rejects.toThrow("failed: cannot write to a directory");
  await expect(checkOutput(join(folder, "link"), "failed")).rejects.toThrow("cannot write to a symbolic link directly");
});

test("a folder that is not there is named", async () => {
  await expect(checkOutput(join(folder, "none/x"), "failed")).rejects.toThrow(
    `failed: invalid output path: stat ${folder}/none: no such file or directory`,
  );
  await expect(checkOutput(join(folder, "file/x"), "failed")).rejects.toThrow("not a directory");
});
