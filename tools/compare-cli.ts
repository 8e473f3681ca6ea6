/**
 * Runs each case of test/e2e/cli-cases.ts through `docker` and through `berth` on the same engine and prints what differs.
 *
 *     tools/bun tools/compare-cli.ts SOCKET [--docker PATH] [--berth PATH] [--only TEXT]
 *
 * Exit code 1 when something differs.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CliCase, cliCases } from "../test/e2e/cli-cases.ts";

interface Outcome {
  stdout: string;
  stderr: string;
  code: number;
}

const options = parseArguments(process.argv.slice(2));
const folder = await mkdtemp(join(tmpdir(), "compare-cli-"));
let different = 0;
try {
  for (const each of cliCases) {
    if (options.only !== undefined && !each.args.join(" ").includes(options.only)) continue;
    const docker = await run([options.docker], each, `dk${process.pid}`);
    const berth = await run(options.berth, each, `be${process.pid}`);
    const left = normalize(docker, each, `dk${process.pid}`, "docker");
    const right = normalize(berth, each, `be${process.pid}`, "berth");
    if (left === right) continue;
    different++;
    console.log(`== ${each.args.join(" ")}\n--- docker\n${left}\n+++ berth\n${right}\n`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${different} of ${cliCases.length} cases differ`);
process.exit(different === 0 ? 0 : 1);

function parseArguments(words: readonly string[]): {
  socket: string;
  docker: string;
  berth: string[];
  only: string | undefined;
} {
  const value = (name: string) => {
    const at = words.indexOf(name);
    return at === -1 ? undefined : words[at + 1];
  };
  const [socket] = words;
  if (socket === undefined || socket.startsWith("-")) {
    console.error("usage: tools/compare-cli.ts SOCKET [--docker PATH] [--berth PATH] [--only TEXT]");
    process.exit(2);
  }
  const built = value("--berth");
  const source = [process.execPath, join(import.meta.dirname, "berth-cli.ts")];
  return {
    socket,
    docker: value("--docker") ?? "docker",
    berth: built === undefined ? source : [built],
    only: value("--only"),
  };
}

async function run(program: readonly string[], { args, stdin }: CliCase, id: string): Promise<Outcome> {
  const [file = "", ...before] = program;
  const words = args.map((word) => word.replaceAll("{id}", id));
  const child = spawn(file, [...before, ...words], {
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      DOCKER_CONFIG: join(folder, id),
      DOCKER_HOST: `unix://${options.socket}`,
    },
    timeout: 60_000,
  });
  const output: { stdout: string; stderr: string } = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString("latin1")));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString("latin1")));
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin ?? "");
  const code = await new Promise<number>((resolve) => child.on("close", (exit) => resolve(exit ?? -1)));
  return { ...output, code };
}

/** Takes out what must differ: the program's name, the unique part of names, and for masked cases ids and times. */
function normalize({ stdout, stderr, code }: Outcome, each: CliCase, id: string, program: "docker" | "berth"): string {
  const clean = (text: string) => {
    let cleaned = text.replaceAll(id, "ID");
    if (program === "docker") {
      cleaned = cleaned
        .replace(/^docker: /gm, "berth: ")
        .replace(/'docker([ '])/g, "'berth$1")
        .replace(/^Usage: {2}docker/gm, "Usage:  berth")
        .replace(/^\tdocker/gm, "\tberth")
        .replace(/command: docker /g, "command: berth ");
    }
    // The engine puts a container's full id into many of its texts
    cleaned = cleaned.replace(/\b[0-9a-f]{64}\b/g, "<64 digits>").replace(/v1\.\d\d\//g, "v1/");
    if (each.mask !== true) return cleaned;
    return cleaned
      .replace(/\b[0-9a-f]{12}\b/g, "<12 digits>")
      .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 UTC|[+-]\d\d:\d\d)?/g, "<time>")
      .replace(/(?:Less than a second|About a minute|\d+ (?:second|minute)s?)(?: ago)?/g, "<span>")
      .replace(/ +/g, " ")
      .replace(/\d+ \d+ \d+ \d\d:\d\d/g, "<process>");
  };
  const lines = each.unordered === true ? clean(stdout).split("\n").sort().join("\n") : clean(stdout);
  return `[stdout]\n${lines}\n[stderr]\n${clean(stderr)}\n[code] ${code}`;
}
