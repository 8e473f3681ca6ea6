import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startEngine, type TestEngine } from "../support/engine.ts";
import { shimOf } from "../support/host.ts";
import { output, run } from "../support/process.ts";

/** The tools of an administrator, outside of the engine: they find a container's processes, and get in. */
let engine: TestEngine;
let id: string;
let pid: number;

beforeAll(async () => {
  engine = await startEngine();
  const args = ["run", "-d", "--hostname", "inside", "--env", "WORLD=container", "busybox:local", "sleep", "1000"];
  const started = await engine.berth(args);
  id = started.stdout.trim();
  const { json } = await engine.api("GET", `/containers/${id}/json`);
  pid = (json as { State: { Pid: number } }).State.Pid; // the API's shape
});
afterAll(() => engine[Symbol.asyncDispose]());

const parentOf = (child: number) => Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${child}/status`, "utf8"))?.[1]);

test("pstree shows the shim as the parent of a container, and nothing between them", async () => {
  const shim = shimOf(engine, id);
  expect(parentOf(pid)).toBe(shim);
  const tree = await output("pstree", ["-A", "-p", String(shim)]);
  expect(tree.trim()).toBe(`berth-shim(${shim})---sleep(${pid})`);
  // It outlives the daemon: it is no child of its.
  expect(parentOf(shim)).not.toBe(engine.pid);
});

test("nsenter gets in by the pid that inspect tells, and sees what the container sees", async () => {
  const script =
    "hostname; cat /etc/hostname; echo $$; ps -o pid,args | grep -c '[s]leep 1000'; ls -d /bin/busybox /work";
  const entered = await run("nsenter", ["--all", `--target=${pid}`, "/bin/sh", "-c", script]);
  const exec = await engine.berth(["exec", id, "/bin/sh", "-c", script]);
  const withoutOwnPid = (text: string) => text.split("\n").toSpliced(2, 1);
  expect(withoutOwnPid(entered.stdout)).toEqual(["inside", "inside", "1", "/bin/busybox", ""]);
  expect(withoutOwnPid(entered.stdout)).toEqual(withoutOwnPid(exec.stdout));

  for (const kind of ["mnt", "pid", "net", "ipc", "uts"]) {
    const file = `/proc/self/ns/${kind}`;
    const seen = await output("nsenter", ["--all", `--target=${pid}`, "/bin/readlink", file]);
    expect([kind, seen.trim()]).toEqual([kind, await namespaceOf(pid, kind)]);
    expect([kind, seen.trim()]).not.toEqual([kind, await namespaceOf(process.pid, kind)]);
  }
});

async function namespaceOf(process: number, kind: string): Promise<string> {
  return (await output("readlink", [`/proc/${process}/ns/${kind}`])).trim();
}
