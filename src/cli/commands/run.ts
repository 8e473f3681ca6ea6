import { detachKeysOf, followResize, forwardSignals, requireTerminal, runSession } from "../attach-session.ts";
import { awaitExit } from "../await-exit.ts";
import { atLeast, type Context, defineCommand } from "../command.ts";
import { containerFlags, runFlags } from "../container-flags.ts";
import type { ByteStream, Client } from "../../client/index.ts";
import { createContainer, type CreatedContainer, failedBeforeRunning, planContainer } from "../create-container.ts";
import { CliError } from "../errors.ts";
import type { FlagValues } from "../flags.ts";
import { SessionRecords } from "../session-records.ts";

const flags = { ...containerFlags, ...runFlags };

export default defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  count: atLeast(1),
  interspersed: false,
  completes: "images",
  flags,
  async run(context, { flags: given, changed, args }) {
    const detach = given.detach;
    if (detach && given.attach.length > 0)
      throw new CliError("conflicting options: cannot specify both --attach and --detach");
    if (!detach)
      await requireTerminal(
        context.io,
        given.attach.length === 0 ? given.interactive : given.attach.includes("stdin"),
        given.tty,
      );
    if (given["dry-run"]) return await sayWhatWouldBeDone(context, given, changed, args);
    const detachKeys = await detachKeysOf(context, given["detach-keys"]);
    // A detached container keeps its standard input open, but nobody is there to attach
    const made = await createContainer(context, given, changed, args, { detach, detachKeys }).catch(
      (error: unknown) => {
        throw failedBeforeRunning("run", error);
      },
    );
    if (!detach) return await runAttached(context, made, { ...given, command: "run", detachKeys });
    const client = await context.client();
    try {
      if (!made.started) await client.send("POST", `/containers/${made.id}/start`);
    } catch (error) {
      throw failedBeforeRunning("run", error);
    }
    context.io.out(`${made.id}\n`);
    return 0;
  },
});

async function sayWhatWouldBeDone(
  context: Context,
  given: FlagValues<typeof flags>,
  changed: ReadonlySet<string>,
  args: readonly string[],
): Promise<number> {
  const { describeRun } = await import("../run-plan.ts");
  const { body } = await planContainer(context, given, changed, args, given.detach).catch((error: unknown) => {
    throw failedBeforeRunning("run", error);
  });
  const { name, pull, detach, rm: remove } = given;
  const request = { name, image: args[0] ?? "", pull, detach, remove, body };
  context.io.out(await describeRun(await context.client(), request));
  return 0;
}

interface RunFlags {
  /** The command that errors name. */
  command: string;
  rm: boolean;
  tty: boolean;
  "sig-proxy": boolean;
  detachKeys: string;
}

/** Attaches and starts where that has not been asked for, and stays until the container has ended; its exit code is ours. */
export async function runAttached(context: Context, made: CreatedContainer, given: RunFlags): Promise<number> {
  const { io } = context;
  const { id, body } = made;
  const { detachKeys } = given;
  const client = await context.client();
  const stdin = body.AttachStdin === true;
  // Not a DisposableStack, nor `using`: what they are made of would be compiled for each command
  const stopForwarding = given["sig-proxy"] ? forwardSignals(io, client, id) : undefined;
  let stopResizing: (() => void) | undefined;
  try {
    const { stream, exit, records } =
      made.session === undefined ? await attach(client, made, given) : openSession(made.session);
    const session = runSession(io, stream, { stdin, tty: given.tty, detachKeys, records });
    session.catch(() => undefined); // awaited below, once the start has worked
    try {
      await (records === undefined ? client.send("POST", `/containers/${id}/start`) : records.started);
    } catch (error) {
      stream.destroy();
      await session.catch(() => undefined);
      throw failedBeforeRunning(given.command, error);
    }
    if (given.tty && (await io.isTerminal(1)))
      stopResizing = await followResize(io, client, `/containers/${id}/resize`);
    if ((await session) === "detached") return 0;
    return await exit.code;
  } finally {
    stopForwarding?.();
    stopResizing?.();
  }
}

/** A container's stdio, and its exit code later. */
interface Attached {
  stream: ByteStream;
  exit: { code: Promise<number> };
  /** When it is a session, which has been started. */
  records?: SessionRecords;
}

function openSession(stream: ByteStream): Attached {
  const records = new SessionRecords();
  return { stream, exit: records, records };
}

async function attach(client: Client, { id, body }: CreatedContainer, given: RunFlags): Promise<Attached> {
  const { AttachStdin: stdin, AttachStdout: stdout, AttachStderr: stderr } = body;
  const query = { stream: true, stdin, stdout, stderr, detachKeys: given.detachKeys };
  try {
    const [stream, exit] = await Promise.all([
      client.hijack(`/containers/${id}/attach`, { query }),
      awaitExit(client, id, given.rm ? "removed" : "next-exit"),
    ]);
    return { stream, exit };
  } catch (error) {
    throw failedBeforeRunning(given.command, error);
  }
}
