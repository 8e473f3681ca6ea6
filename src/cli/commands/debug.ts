import type { ContainerCreateResponse, ContainerInspectResponse, ImageSummary } from "../../api/index.ts";
import { detachKeysOf, requireTerminal } from "../attach-session.ts";
import { atLeast, defineCommand } from "../command.ts";
import { failedBeforeRunning, pullingMissing } from "../create-container.ts";
import { type DebugRequest, planDebug, toolImage } from "../debug-plan.ts";
import { resolveEnv } from "../environment.ts";
import { bool, list, string } from "../flags.ts";
import { detachKeysFlag } from "../shared-flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [COMMAND] [ARG...]",
  description:
    "Look into a running container that has no tools of its own: a shell, or the command, of another image is run among the\n" +
    "container's processes, on its network and with its host name. The container's files are below /proc/1/root.",
  count: atLeast(1),
  interspersed: false,
  completes: "running",
  flags: {
    "detach-keys": detachKeysFlag,
    env: list("Set an environment variable", { short: "e" }),
    image: string("Image that has the tools; the newest busybox that the engine has when not given"),
    interactive: bool("Pass standard input on to the command; a shell gets it anyway", { short: "i" }),
    tty: bool("Give the command a terminal; a shell that is started on one gets it anyway", { short: "t" }),
    user: string("User name or id (name|uid[:group|gid])", { short: "u" }),
    workdir: string("Directory to start in", { short: "w" }),
  },
  async run(context, { flags, args: [name = "", ...command] }) {
    const { io } = context;
    const isShell = command.length === 0;
    const stdin = flags.interactive || isShell;
    const onTerminal = isShell && (await io.isTerminal(0)) && (await io.isTerminal(1));
    const tty = flags.tty || onTerminal;
    await requireTerminal(io, stdin, tty);
    const client = await context.client();
    const target = await client.json<ContainerInspectResponse>("GET", `/containers${pathOf(name)}/json`);
    const { body, root } = planDebug(name, target, {
      image: flags.image || toolImage(await client.json<ImageSummary[]>("GET", "/images/json")),
      command: isShell ? ["sh"] : command,
      env: resolveEnv(flags.env, io.env),
      user: flags.user,
      workdir: flags.workdir,
      stdin,
      tty,
    } satisfies DebugRequest);
    const detachKeys = await detachKeysOf(context, flags["detach-keys"]);
    const { made, ...begun } = await pullingMissing(context, body.Image ?? "", { platform: "", quiet: false }, () =>
      client.begin<ContainerCreateResponse>("/containers/create", { json: body, attach: true, detachKeys }),
    ).catch((error: unknown) => {
      throw failedBeforeRunning("debug", error);
    });
    if (onTerminal && root !== undefined) io.err(`The files of ${name} are below ${root}\n`);
    const { runAttached } = await import("./run.ts");
    const given = { command: "debug", rm: true, tty, "sig-proxy": true, detachKeys };
    return await runAttached(context, { id: made.Id, body, ...begun }, given);
  },
});
