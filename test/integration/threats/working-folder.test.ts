import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BERTH } from "../../support/engine.ts";
import { run } from "../../support/process.ts";

/** The command is run in folders of others, such as a repository that was just cloned: nothing in them may be run or read. */
describe("files of the folder that the command is started in", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-hostile-folder-"));
    const script = join(folder, "script.js");
    writeFileSync(script, `require("node:fs").writeFileSync(${JSON.stringify(join(folder, "ran"))}, "");`);
    writeFileSync(join(folder, "bunfig.toml"), `preload = [${JSON.stringify(script)}]\n`);
    writeFileSync(join(folder, ".env"), "BERTH_HOST=unix:///nowhere/of-the-folder.sock\n");
    writeFileSync(join(folder, "package.json"), `{"imports":{"#x":${JSON.stringify(script)}}}`);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test.each(["--version", "ps", "daemon --version"])("are left alone by berth %s", async (line) => {
    // A variable that is there already would hide the file's.
    const unset = ["-u", "BERTH_HOST", "-u", "DOCKER_HOST", "-u", "DOCKER_CONTEXT"];
    const { stdout, stderr } = await run("env", [...unset, BERTH, ...line.split(" ")], { cwd: folder });
    expect(stdout + stderr).not.toContain("of-the-folder");
    expect(await Bun.file(join(folder, "ran")).exists()).toBe(false);
  });
});
