import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * What a short command loads before it does anything. One of node's own modules can bring in dozens (`node:crypto` all of
 * streams), which takes longer than everything else that `run` does.
 */

setDefaultTimeout(120_000);

let place = "";
const chunks = new Map<string, string>();

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "berth-quick-start-"));
  const options = ["--splitting", "--format=esm", "--target=bun", "--outdir", place];
  await promisify(execFile)(process.execPath, ["build", ...options, join(import.meta.dir, "index.ts")]);
  for (const name of await readdir(place)) chunks.set(name, await readFile(join(place, name), "utf8"));
});
afterAll(() => rm(place, { recursive: true, force: true }));

/** What a chunk imports when it is loaded, and what those do. */
function loadedBy(chunk: string, seen = new Set<string>()): Set<string> {
  seen.add(chunk);
  for (const [, name = ""] of (chunks.get(chunk) ?? "").matchAll(/^(?:import|\} from|import .* from) ?"([^"]+)";$/gm)) {
    const other = name.replace(/^\.\//, "");
    if (!seen.has(other)) loadedBy(other, seen);
  }
  return seen;
}

describe("a short command loads none of node's modules", () => {
  for (const command of ["run", "create", "start", "exec", "ps", "rm", "stop", "images", "inspect", "logs"]) {
    test(command, () => {
      const [chunk] = [...chunks.keys()].filter((name) => new RegExp(`^${command}-\\w+\\.js$`).test(name));
      expect(chunk).toBeDefined();
      const loaded = [...loadedBy("index.js"), ...loadedBy(chunk ?? "")];
      expect(loaded.filter((name) => chunks.has(name)).length).toBeGreaterThan(1);
      expect(loaded.filter((name) => !chunks.has(name))).toEqual([]);
    });
  }
});
