import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * What a short command must not pay for. One of node's own modules can bring in dozens (`node:crypto` all of streams), which
 * takes longer than everything else that `run` does. The JIT's start, for a single function that is called some thirty times,
 * is a fifth of it.
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

describe("a short command has nothing compiled by the JIT", () => {
  const lines = [
    "run --rm -i -e A=b -v /tmp:/tmp --network none -p 80:80 app true",
    "run -d --name web app",
    "create app",
    "start web",
    "exec -i web true",
    "ps -a",
    "rm -f web",
    "stop -t 1 web",
    "logs web",
  ];
  for (const line of lines) {
    test(line, async () => {
      const env = { PATH: process.env["PATH"], HOME: place, DOCKER_HOST: `unix://${place}/none.sock` };
      const { said } = await command(line, { ...env, BUN_JSC_reportCompileTimes: "1" });
      expect(said).toContain("none.sock"); // it came as far as to the engine
      expect(said).not.toContain("Optimized");
    });
  }

  test("and would be seen to, if it had", async () => {
    const { said } = await evaluate(
      "const add = (a) => a + 1; let n = 0; for (let i = 0; i < 5_000_000; i++) n = add(n);",
      {
        BUN_JSC_reportCompileTimes: "1",
      },
    );
    expect(said).toContain("Optimized");
  });
});

/** Runs a command line as the executable does. */
async function command(line: string, env: Record<string, string | undefined>): Promise<{ said: string }> {
  const script = `import { main } from ${JSON.stringify(join(place, "index.js"))}; process.exit(await main(${JSON.stringify(line.split(" "))}));`;
  return await evaluate(script, env);
}

/** All that is written by a script, however it ends. */
async function evaluate(script: string, env: Record<string, string | undefined>): Promise<{ said: string }> {
  const file = join(place, `script-${randomUUID()}.mjs`);
  await writeFile(file, script);
  return await new Promise((resolve) => {
    execFile(process.execPath, [file], { env }, (_error, stdout, stderr) => resolve({ said: stdout + stderr }));
  });
}
