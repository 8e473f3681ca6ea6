import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { moreOpenFiles, openFiles } from "../support/descriptors.ts";
import { startEngine, type TestEngine } from "../support/engine.ts";
import { eventually } from "../support/wait.ts";

/** A hundred execs of one container at the same time: each has its own input, output and exit code, and nothing stays. */

setDefaultTimeout(120_000);

const MANY = 100;
let engine: TestEngine;
let pid = 0;

beforeAll(async () => {
  engine = await startEngine();
  await engine.docker(["run", "-d", "--network", "none", "--name", "busy", "busybox:local", "sleep", "1000"]);
  pid = Number((await engine.docker(["inspect", "-f", "{{.State.Pid}}", "busy"])).stdout);
});
afterAll(() => engine[Symbol.asyncDispose]());

interface Ended {
  readonly output: string;
  readonly code: unknown;
  readonly running: unknown;
}

async function exec(index: number): Promise<Ended> {
  const created = await engine.api("POST", "/containers/busy/exec", {
    Cmd: ["sh", "-c", `echo number $WHICH; exit $WHICH`],
    Env: [`WHICH=${index}`],
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
  });
  expect(created.status).toBe(201);
  const { Id } = created.json as { Id: string }; // the API's shape
  const started = await engine.api("POST", `/exec/${Id}/start`, { Detach: false, Tty: true });
  const { ExitCode, Running } = (await engine.api("GET", `/exec/${Id}/json`)).json as Record<string, unknown>;
  return { output: started.text, code: ExitCode, running: Running };
}

const shimOf = () => Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

test("all of them run, and neither daemon nor supervisor keeps a descriptor", async () => {
  await exec(0);
  const [daemon, shim] = [openFiles(engine.pid), openFiles(shimOf())];
  const ended = await Promise.all(Array.from({ length: MANY }, (_, index) => exec(index)));
  expect(ended).toEqual(
    Array.from({ length: MANY }, (_, index) => ({ output: `number ${index}\r\n`, code: index, running: false })),
  );
  const processes = (await engine.docker(["top", "busy", "-o", "pid"])).stdout.trim().split("\n");
  expect(processes).toEqual(["PID", String(pid)]);
  await eventually("the descriptors are closed", () => {
    const more = [...moreOpenFiles(daemon, openFiles(engine.pid)), ...moreOpenFiles(shim, openFiles(shimOf()))];
    return more.every((line) => line.startsWith("descriptors socket: "));
  });
});
