import type { ContainerInspectResponse } from "../../api/index.ts";
import { detachKeysOf, followResize, forwardSignals, requireTerminal, runSession } from "../attach-session.ts";
import { awaitExit } from "../await-exit.ts";
import { defineCommand, exactly } from "../command.ts";
import { CliError, detached } from "../errors.ts";
import { bool } from "../flags.ts";
import { detachKeysFlag } from "../shared-flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER",
  count: exactly(1),
  completes: "running",
  flags: {
    "detach-keys": detachKeysFlag,
    "no-stdin": bool("Do not pass standard input on"),
    "sig-proxy": bool("Pass signals on to the container", { initial: true }),
  },
  async run(context, { flags, args: [name = ""] }) {
    const { io } = context;
    const client = await context.client();
    const container = await client.json<ContainerInspectResponse>("GET", `/containers${pathOf(name)}/json`);
    const { State: state } = container;
    if (state?.Running !== true) throw new CliError("You cannot attach to a stopped container, start it first");
    if (state.Paused === true) throw new CliError("You cannot attach to a paused container, unpause it first");
    if (state.Restarting === true)
      throw new CliError("You cannot attach to a restarting container, wait until it is running");
    const id = container.Id ?? name;
    const tty = container.Config?.Tty === true;
    const stdin = !flags["no-stdin"] && container.Config?.OpenStdin === true;
    await requireTerminal(io, stdin, tty);
    const detachKeys = await detachKeysOf(context, flags["detach-keys"]);
    using cleanup = new DisposableStack();
    if (flags["sig-proxy"] && !tty) cleanup.defer(forwardSignals(io, client, id));
    const query = { stream: true, stdin, stdout: true, stderr: true, detachKeys };
    const exit = await awaitExit(client, id, "not-running");
    const stream = await client.hijack(`/containers/${id}/attach`, { query });
    if (tty && (await io.isTerminal(1)))
      cleanup.defer(await followResize(io, client, `/containers/${id}/resize`, { redraw: true }));
    if ((await runSession(io, stream, { stdin, tty, detachKeys })) === "detached") throw detached();
    return await exit.code;
  },
});
