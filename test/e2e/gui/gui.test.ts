/** Programs with windows draw on the host's display by its bound socket, as users run them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { eventually } from "../../support/wait.ts";
import { Display, guiArchive, lackingDisplay, SOCKETS } from "./display.ts";

const reason = lackingDisplay();
if (reason !== undefined) console.log(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)("a display of the host", () => {
  let engine: TestEngine;
  let display: Display;
  beforeAll(async () => {
    display = await Display.start();
    engine = await startEngine({ image: false });
    await engine.load(await guiArchive());
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await display[Symbol.asyncDispose]();
  });

  const commands = ["docker", "berth"] as const;
  type Command = (typeof commands)[number];
  /** `docker run -e DISPLAY -v /tmp/.X11-unix:/tmp/.X11-unix …` with the cookie where programs are told to look. */
  function run(command: Command, ...args: string[]) {
    const bound = ["-e", "DISPLAY", "-v", `${SOCKETS}:${SOCKETS}`];
    const cookie = ["-e", "XAUTHORITY=/cookie", "-v", `${display.cookie}:/cookie:ro`];
    return engine[command](["run", ...bound, ...cookie, ...args], { env: { DISPLAY: display.name } });
  }

  describe.each(commands)("by %s", (command) => {
    const users: Array<[user: string, flags: string[]]> = [
      ["root", []],
      ["another user", ["--user", "1000:1000"]],
    ];
    test.each(users)("has the window of a program of %s", async (user, flags) => {
      const title = `eyes of ${user} by ${command}`;
      const { code, stdout, stderr } = await run(command, "-d", ...flags, "gui:local", "xeyes", "-title", title);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      // Whites, pupils and what is behind them.
      await eventually("eyes", async () => ((await display.colours(title)) ?? 0) >= 2);
      const id = stdout.trim();
      expect((await engine[command](["kill", id])).code).toBe(0);
      await eventually("no window", async () => (await display.colours(title)) === undefined);
      expect((await engine[command](["rm", id])).code).toBe(0);
    });

    // Server and client have the pixels in one System V segment.
    const shared = ["gui:local", "x11perf", "-repeat", "1", "-reps", "1", "-shmput100"];
    test.each(users)("shares memory with a program of %s in the host's ipc namespace", async (_, flags) => {
      const { code, stdout, stderr } = await run(command, "--rm", "--ipc=host", ...flags, ...shared);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain("ShmPutImage 100x100 square");
    });

    test("cannot share memory with another namespace", async () => {
      const { stdout, stderr } = await run(command, "--rm", ...shared);
      expect(stderr).toContain("failed to attach shared memory");
      expect(stdout).not.toContain("ShmPutImage");
    });

    test("refuses a program without its cookie", async () => {
      const { code, stderr } = await run(command, "--rm", "-e", "XAUTHORITY=/none", "gui:local", "xeyes");
      expect(stderr).toContain("Authorization required");
      expect(code).toBe(1);
    });
  });
});
