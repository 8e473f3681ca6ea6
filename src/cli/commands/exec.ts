import type { IDResponse } from "../../api/index.ts";
import { detachKeysOf, followResize, requireTerminal, runSession } from "../attach-session.ts";
import { atLeast, defineCommand } from "../command.ts";
import { checkEnv, readKeyValueFiles, resolveEnv } from "../environment.ts";
import { CliError, detached } from "../errors.ts";
import { bool, list, string } from "../flags.ts";
import { SessionRecords } from "../session-records.ts";
import { detachKeysFlag } from "../shared-flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  count: atLeast(2),
  interspersed: false,
  completes: "running",
  flags: {
    detach: bool("Leave the command running in the background", { short: "d" }),
    "detach-keys": detachKeysFlag,
    env: list("Set an environment variable", { short: "e", check: checkEnv }),
    "env-file": list("Read environment variables from a file"),
    interactive: bool("Pass standard input on", { short: "i" }),
    privileged: bool("Give all privileges"),
    tty: bool("Give the command a terminal", { short: "t" }),
    user: string("User name or id (name|uid[:group|gid])", { short: "u" }),
    workdir: string("Directory to start in", { short: "w" }),
  },
  async run(context, { flags, changed, args: [name = "", ...command] }) {
    const { io } = context;
    const env = [...(await readKeyValueFiles(flags["env-file"], io.env)), ...resolveEnv(flags.env, io.env)];
    const stdin = flags.interactive && !flags.detach;
    const client = await context.client();
    if (stdin && flags.tty && !(await io.isTerminal(0))) {
      // A container that is not there is the graver mistake
      await client.send("GET", `/containers${pathOf(name)}/json`);
      await requireTerminal(io, stdin, flags.tty);
    }
    const detachKeys = await detachKeysOf(context, flags["detach-keys"]);
    const size = flags.tty && !flags.detach ? await io.terminalSize() : undefined;
    const consoleSize = size === undefined ? {} : { ConsoleSize: [size.rows, size.columns] };
    const { made, started, session } = await client.begin<IDResponse>(`/containers${pathOf(name)}/exec`, {
      attach: !flags.detach,
      json: {
        User: flags.user,
        Privileged: flags.privileged,
        Tty: flags.tty,
        ...consoleSize,
        AttachStdin: stdin,
        AttachStdout: !flags.detach,
        AttachStderr: !flags.detach,
        DetachKeys: changed.has("detach-keys") || detachKeys !== "" ? detachKeys : undefined,
        Env: env,
        WorkingDir: flags.workdir,
        Cmd: command,
      },
    });
    const { Id: id } = made;
    if (id === "") throw new CliError("exec ID empty");
    if (flags.detach) {
      if (!started) await client.send("POST", `/exec/${id}/start`, { json: { Detach: true, Tty: flags.tty } });
      return 0;
    }
    const records = session === undefined ? undefined : new SessionRecords();
    const stream =
      session ??
      (await client.hijack(`/exec/${id}/start`, { json: { Detach: false, Tty: flags.tty, ...consoleSize } }));
    const stopResizing = size === undefined ? undefined : await followResize(io, client, `/exec/${id}/resize`);
    try {
      const end = await runSession(io, stream, { stdin, tty: flags.tty, detachKeys, records });
      if (end === "detached") throw detached();
    } finally {
      stopResizing?.();
    }
    if (records !== undefined) return await records.code;
    const { ExitCode } = await client.json<{ ExitCode?: number | null }>("GET", `/exec/${id}/json`);
    return ExitCode ?? 0;
  },
});
