import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../support/engine.ts";
import { eventually } from "../support/wait.ts";

/**
 * What containers are must not depend on whether a supervisor was waiting for them. `tools/test --pools` runs all
 * integration tests in these modes; this is the part of it that every run has.
 */

setDefaultTimeout(120_000);

const BURST = 6;

describe.each([
  { mode: "off", size: 0 },
  { mode: "used up by a burst of starts", size: 1 },
  { mode: "larger than a burst", size: BURST + 1 },
])("with supervisors that wait: $mode", ({ size }) => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ flags: [`--pool-size=${size}`] });
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  /** Supervisors that wait for a container, and the one that they are forked of. */
  const waiting = () => readdir(join(engine.execRoot, "spare")).catch(() => []);
  const filled = () =>
    eventually("the pool as it should be", async () => (await waiting()).length === (size === 0 ? 0 : size + 1));
  const docker = (...args: string[]) => engine.docker(args);

  test("many containers at once are what each was asked to be", async () => {
    expect((await docker("run", "--rm", "--network", "none", "busybox:local", "true")).code).toBe(0);
    await filled();
    const burst = Array.from({ length: BURST }, (_, index) =>
      engine.docker(
        [
          "run",
          "--rm",
          "-i",
          "--network",
          "none",
          "--hostname",
          `h${index}`,
          "-e",
          `N=${index}`,
          "-u",
          `${index}`,
        ].concat("busybox:local", "sh", "-c", "hostname; echo $N $(id -u) $$; cat; exit $((N + 1))"),
        { input: `input ${index}` },
      ),
    );
    for (const [index, { code, stdout, stderr }] of (await Promise.all(burst)).entries())
      expect({ code, stdout, stderr }).toEqual({
        code: index + 1,
        stdout: `h${index}\n${index} ${index} 1\ninput ${index}`,
        stderr: "",
      });
    await filled();
  });

  test("they outlive the daemon, and the next one has a pool of its own", async () => {
    const names = ["a", "b", "c"];
    await Promise.all(
      names.map((name) => docker("run", "-d", "--network", "none", "--name", name, "busybox:local", "cat")),
    );
    await docker("run", "-d", "-i", "--name", "kept", "busybox:local", "sh", "-c", "echo before; cat; exit 7");
    await filled();
    await engine.kill9();
    await engine.start();
    expect((await waiting()).length).toBe(0);
    expect((await docker("exec", "kept", "echo", "in")).stdout).toBe("in\n");
    expect((await docker("run", "--rm", "busybox:local", "echo", "new")).stdout).toBe("new\n");
    await filled();
    expect((await docker("stop", "-t", "0", "kept")).code).toBe(0);
    expect((await docker("logs", "kept")).stdout).toBe("before\n");
    await docker("rm", "-f", "kept", ...names);
  });
});
