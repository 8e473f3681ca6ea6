import type { ContainerInspectResponse } from "../../api/index.ts";
import { ClientError } from "../../client/index.ts";
import { detachKeysOf, followResize, forwardSignals, requireTerminal, runSession } from "../attach-session.ts";
import { awaitExit } from "../await-exit.ts";
import { atLeast, type Context, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool, string } from "../flags.ts";
import { detachKeysFlag } from "../shared-flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  count: atLeast(1),
  completes: "containers",
  flags: {
    attach: bool("Show the container's output and pass signals on", { short: "a" }),
    checkpoint: string("Start from this checkpoint", { hidden: true, onlyWith: "experimental features" }),
    "checkpoint-dir": string("Folder of the checkpoint", { hidden: true, onlyWith: "experimental features" }),
    "detach-keys": detachKeysFlag,
    interactive: bool("Pass standard input on", { short: "i" }),
  },
  async run(context, { flags, args }) {
    if (flags.attach || flags.interactive) {
      const [name = "", ...others] = args;
      if (others.length > 0) throw new CliError("you cannot start and attach multiple containers at once");
      return await startAttached(context, name, flags);
    }
    const client = await context.client();
    const failed: string[] = [];
    for (const name of args) {
      try {
        await client.send("POST", `/containers${pathOf(name)}/start`);
        context.io.out(`${name}\n`);
      } catch (error) {
        if (error instanceof ClientError && error.status === undefined) throw error;
        context.io.err(`${messageOf(error)}\n`);
        failed.push(name);
      }
    }
    if (failed.length > 0) throw new CliError(`Error: failed to start containers: ${failed.join(", ")}`);
    return 0;
  },
});

async function startAttached(
  context: Context,
  name: string,
  flags: { attach: boolean; interactive: boolean; "detach-keys": string },
): Promise<number> {
  const { io } = context;
  const client = await context.client();
  const container = await client.json<ContainerInspectResponse>("GET", `/containers${pathOf(name)}/json`);
  const id = container.Id ?? name;
  const tty = container.Config?.Tty === true;
  const stdin = flags.interactive && container.Config?.OpenStdin === true;
  await requireTerminal(io, stdin, tty);
  const detachKeys = await detachKeysOf(context, flags["detach-keys"]);
  using cleanup = new DisposableStack();
  cleanup.defer(forwardSignals(io, client, id));
  const query = { stream: true, stdin, stdout: true, stderr: true, detachKeys };
  const stream = await client.hijack(`/containers/${id}/attach`, { query });
  const exit = await awaitExit(client, id, container.HostConfig?.AutoRemove === true ? "removed" : "next-exit");
  const session = runSession(io, stream, { stdin, tty, detachKeys });
  session.catch(() => undefined); // awaited below, once the start has worked
  try {
    await client.send("POST", `/containers/${id}/start`);
  } catch (error) {
    stream.destroy();
    await session.catch(() => undefined);
    throw error;
  }
  if (tty && (await io.isTerminal(1))) cleanup.defer(await followResize(io, client, `/containers/${id}/resize`));
  if ((await session) === "detached") return 0;
  return await exit.code;
}
