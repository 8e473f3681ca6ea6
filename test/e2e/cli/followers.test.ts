import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { output, run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";

/** Commands that go on until somebody ends them, and one that asks a registry: both programs do it at the same time. */

const version = await output("docker", ["--version"]).catch(() => "no docker CLI");
const comparable = version.includes("version 28.");
if (!comparable) console.log(`skipped: berth's texts are those of docker CLI 28, this machine has ${version}`);

let engine: TestEngine;

function envOf(name: string): Record<string, string> {
  return { ...engine.clientEnv(), BERTH_HOST: "", HOME: engine.folder, DOCKER_CONFIG: join(engine.folder, name) };
}

const quietly = async (...args: string[]) => {
  const { code, stderr } = await engine.berth(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
};

/** A command that goes on, and what it has said. */
class Follower implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #said = { stdout: "", stderr: "" };

  constructor(file: string, args: readonly string[], env: Record<string, string>) {
    this.#child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    for (const name of ["stdout", "stderr"] as const)
      this.#child[name]?.on("data", (bytes: Buffer) => (this.#said[name] += bytes.toString()));
    this.#ended = new Promise((resolve) => this.#child.on("close", () => resolve()));
  }

  says(part: string): Promise<unknown> {
    return eventually(`${part} of ${this.#child.spawnargs.join(" ")}`, () =>
      (this.#said.stdout + this.#said.stderr).includes(part),
    );
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async outcome() {
    await this.#ended;
    return { ...this.#said, code: this.#child.exitCode, signal: this.#child.signalCode };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

/** Runs a line by both names; `end` is called when both have said `part`. */
async function follow(words: readonly string[], part: string, end: (each: readonly Follower[]) => unknown) {
  await using docker = new Follower("docker", words, envOf("docker"));
  await using berth = new Follower(BERTH, words, envOf("berth"));
  await Promise.all([docker.says(part), berth.says(part)]);
  await end([docker, berth]);
  return { docker: await docker.outcome(), berth: await berth.outcome() };
}

const signalled = (signal: NodeJS.Signals) => (each: readonly Follower[]) => {
  for (const one of each) one.kill(signal);
};

describe.skipIf(!comparable)("of what goes on both commands say the same", () => {
  beforeAll(async () => {
    engine = await startEngine();
    const script = "for i in 1 2 3; do echo out $i; done; echo err >&2; exec sleep 1000";
    await quietly("run", "-d", "--name", "told", "busybox:local", "sh", "-c", script);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  test.each([
    ["logs -f told", "err", "SIGINT"],
    ["logs -ft --tail 2 told", "err", "SIGTERM"],
    ["container logs --follow --details told", "err", "SIGINT"],
    ["events --since 1 --filter container=told --filter event=start", "start", "SIGINT"],
    ["events --since 1 --filter container=told --filter event=start --format json", "start", "SIGTERM"],
  ] as const)("%s until %p, then %s", async (line, part, signal) => {
    const { docker, berth } = await follow(line.split(" "), part, signalled(signal));
    expect(docker.stdout + docker.stderr).toContain(part);
    expect(berth).toEqual(docker);
  });

  test("logs -f to the end of the container, through lines that come meanwhile", async () => {
    const name = "grows";
    const script = "echo first; read line; echo $line; sleep 0.1; echo last >&2; exit 3";
    await quietly("run", "-di", "--name", name, "busybox:local", "sh", "-c", script);
    const { docker, berth } = await follow(["logs", "-f", name], "first", async () => {
      await run(BERTH, ["attach", name], { env: envOf("berth"), input: "more\n" });
    });
    expect(docker).toEqual({ stdout: "first\nmore\n", stderr: "last\n", code: 0, signal: null });
    expect(berth).toEqual(docker);
  });

  test.each([
    ["by itself", 7, "exit 7"],
    ["by a signal", 137, "kill -9 $$"],
  ] as const)("attach until the program ends %s", async (_how, code, last) => {
    const name = `attached-${code}`;
    await quietly("run", "-di", "--init", "--name", name, "busybox:local", "sh");
    await using docker = new Follower("docker", ["attach", name], envOf("docker"));
    await using berth = new Follower(BERTH, ["attach", name], envOf("berth"));
    // Each is attached once it gets an answer; who came first may have seen more.
    docker.write("echo to docker >&2\n");
    await docker.says("to docker\n");
    berth.write("echo to berth >&2\n");
    await Promise.all([docker.says("to berth\n"), berth.says("to berth\n")]);
    docker.write(`echo last; ${last}\n`);
    const [theirs, ours] = await Promise.all([docker.outcome(), berth.outcome()]);
    expect(theirs).toMatchObject({ stdout: "last\n", code, signal: null });
    const alike = (outcome: typeof theirs) => ({ ...outcome, stderr: outcome.stderr.replace("to docker\n", "") });
    expect(alike(ours)).toEqual(alike(theirs));
  });

  test("wait for each of several, which end one after the other", async () => {
    for (const name of ["one", "two"]) await quietly("run", "-d", "--name", name, "busybox:local", "sleep", "1000");
    const { docker, berth } = await (async () => {
      const words = ["wait", "one", "two"];
      await using theirs = new Follower("docker", words, envOf("docker"));
      await using ours = new Follower(BERTH, words, envOf("berth"));
      await quietly("kill", "one");
      await Promise.all([theirs.says("137\n"), ours.says("137\n")]);
      await quietly("kill", "two");
      return { docker: await theirs.outcome(), berth: await ours.outcome() };
    })();
    expect(docker).toEqual({ stdout: "137\n137\n", stderr: "", code: 0, signal: null });
    expect(berth).toEqual(docker);
  });

  test("stats, drawn over and over", async () => {
    // Docker's does not end by SIGINT or SIGTERM as long as the engine answers.
    const { docker, berth } = await follow(["stats", "--format", "{{.Name}}", "told"], "told", signalled("SIGKILL"));
    // It draws each frame twice over itself, too; what stands there is the same.
    const shown = (text: string) => new Set(text.replace(/\u001b\[[A-Z]/g, "").split(/ *\n/));
    expect(shown(berth.stdout)).toEqual(shown(docker.stdout));
    expect(berth.stderr).toBe(docker.stderr);
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("run, whose program gets %s of the command", async (signal) => {
    const script = `trap 'echo got; exit 9' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const words = ["run", "--rm", "busybox:local", "sh", "-c", script];
    const { docker, berth } = await follow(words, "ready", signalled(signal));
    expect(docker).toEqual({ stdout: "ready\ngot\n", stderr: "", code: 9, signal: null });
    expect(berth).toEqual(docker);
  });
});

/** A registry that knows nothing but the old protocol's search. */
async function searchable(): Promise<{ server: Server; host: string }> {
  const results = [
    { name: "team/app", description: "An app\nof two lines, which is longer than a line is wide", star_count: 12 },
    { name: "tool", description: "", star_count: 3, is_official: true },
  ];
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/v1/search") !== true) return response.writeHead(404).end();
    const term = new URL(request.url, "http://x").searchParams.get("q") ?? "";
    if (term === "broken") return response.writeHead(500).end("no");
    const found = results.filter(({ name }) => name.includes(term));
    response.end(JSON.stringify({ num_results: found.length, query: term, results: found }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { server, host: `127.0.0.1:${port}` };
}

describe.skipIf(!comparable)("of a search in a registry both commands say the same", () => {
  let registry: { server: Server; host: string };
  beforeAll(async () => {
    [engine, registry] = await Promise.all([startEngine({ image: false }), searchable()]);
  });
  afterAll(async () => {
    registry.server.close();
    await engine[Symbol.asyncDispose]();
  });

  test.each([
    ["search HOST/a"],
    ["search HOST/team"],
    ["search HOST/nosuch"],
    ["search --no-trunc HOST/team"],
    ["search --limit 5 HOST/o"],
    ["search --limit 101 HOST/o"],
    ["search --filter is-official=true HOST/o"],
    ["search --filter stars=10 HOST/o"],
    ["search --filter stars=many HOST/o"],
    ["search --filter is-automated=true HOST/o"],
    ["search --filter nosuch=1 HOST/o"],
    ["search --format {{.Name}}:{{.StarCount}}:{{.IsOfficial}} HOST/o"],
    ["search --format json HOST/team"],
    ["search HOST/broken"],
    ["search 127.0.0.1:1/a"],
  ])("%s", async (line) => {
    const words = line.replace("HOST", registry.host).split(" ");
    const docker = await run("docker", words, { env: envOf("docker") });
    expect(docker.stdout + docker.stderr).not.toBe("");
    expect(await run(BERTH, words, { env: envOf("berth") })).toEqual(docker);
  });
});
