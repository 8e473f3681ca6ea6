import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { TerminalSession } from "../../support/terminal.ts";

/** What a key of completion makes of a line, in each shell as people have it: interactive, on a terminal. */

/** How each is started without anybody's settings, and what makes `berth` show its words instead of doing anything. */
const SHELLS = {
  bash: {
    command: ["bash", "--norc", "--noprofile", "-i"],
    setup: [
      `berth() { if [ "$1" = completion ]; then command berth "$@"; else printf '<%s>' "$@"; echo "end"; fi; }`,
      "source <(command berth completion bash)",
    ],
  },
  zsh: {
    command: ["zsh", "-f", "-i"],
    setup: [
      "autoload -U compinit && compinit -u -D",
      `berth() { if [ "$1" = completion ]; then command berth "$@"; else printf '<%s>' "$@"; echo "end"; fi; }`,
      "source <(command berth completion zsh)",
    ],
  },
  fish: {
    command: ["fish", "--no-config", "-i"],
    setup: [
      "function berth; if test $argv[1] = completion; command berth $argv; else; printf '<%s>' $argv; echo end; end; end",
      "command berth completion fish | source",
    ],
  },
} as const;

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
  expect((await engine.berth(["create", "--name", "pump", "busybox:local"])).code).toBe(0);
  expect((await engine.berth(["network", "create", "pier"])).code).toBe(0);
});
afterAll(() => engine[Symbol.asyncDispose]());

describe.each(["bash", "zsh", "fish"] as const)("%s", (shell) => {
  const missing = spawnSync(shell, ["--version"]).error !== undefined;
  if (missing) console.log(`skipped: completion in ${shell}, which is not installed`);

  test.skipIf(missing)("completes commands, names with colons, values of flags and files", async () => {
    const { command, setup } = SHELLS[shell];
    const env = { ...engine.clientEnv(), PATH: `${dirname(BERTH)}:${process.env["PATH"] ?? ""}`, TERM: "xterm" };
    await using session = TerminalSession.start(command, { ...env, HOME: engine.folder });
    for (const line of setup) session.type(`${line}\n`);
    session.type("echo rea''dy\n");
    await session.shows("ready");
    const completed = async (line: string, words: readonly string[]) => {
      session.type(`${line}\t\n`);
      await session.shows(`${words.map((word) => `<${word}>`).join("")}end`);
    };
    await completed("berth netw", ["network"]);
    await completed("berth rm pu", ["rm", "pump"]);
    await completed("berth run busybox:lo", ["run", "busybox:local"]);
    await completed("berth run --network=pi", ["run", "--network=pier"]);
    await completed("berth run --network pi", ["run", "--network", "pier"]);
    await completed("berth -D ps --no-t", ["-D", "ps", "--no-trunc"]);
    await completed(`berth load -i ${engine.socket.slice(0, -2)}`, ["load", "-i", engine.socket]);
  });
});
