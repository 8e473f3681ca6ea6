import type { ContainerCreateResponse } from "../api/index.ts";
import { type Begun, ClientError } from "../client/index.ts";
import type { Context } from "./command.ts";
import { buildContainer, type CreateBody } from "./container-config.ts";
import type { containerFlags } from "./container-flags.ts";
import { CliError, CreateError, messageOf } from "./errors.ts";
import type { FlagValues } from "./flags.ts";
import { platformText, wantedPlatform } from "./platform.ts";
import { proxyVariables } from "./proxies.ts";
import { familiarReference, parseImageName, withDefaultTag } from "./image-name.ts";

const IMAGE_ID = /^(?:sha256:)?[0-9a-f]{64}$/;

type Flags = FlagValues<typeof containerFlags>;

export interface CreatedContainer extends Pick<Begun<unknown>, "started" | "session"> {
  id: string;
  body: CreateBody;
}

/** How a container is to be started with its creation, where the engine can. */
export interface StartWish {
  detach: boolean;
  detachKeys: string;
}

/**
 * Makes a container as `run` and `create` do: pulls the image when it is missing (or always), writes the id file, shows the
 * engine's warnings. What is started at once has no id file, which is written before a start.
 */
export async function createContainer(
  context: Context,
  flags: Flags,
  changed: ReadonlySet<string>,
  args: readonly string[],
  wish?: StartWish,
): Promise<CreatedContainer> {
  const { io } = context;
  const { image, body } = await planContainer(context, flags, changed, args, wish?.detach === true);
  const local = flags.dns.find((address) => /^(127\.|::1$)/.test(address));
  if (local !== undefined) io.err(`WARNING: Localhost DNS (${local}) may fail in containers.\n`);
  const pulled = { platform: wantedPlatform(io, flags.platform), quiet: flags.quiet };
  const platform = checkedPlatform(pulled.platform);
  const client = await context.client();
  const idFile = flags.cidfile === "" ? undefined : await (await import("./id-file.ts")).IdFile.create(flags.cidfile);
  try {
    if (flags.pull === "always") await pull(context, image, pulled);
    const request = { query: { name: flags.name, platform }, json: body };
    const create = async (): Promise<Begun<ContainerCreateResponse>> => {
      const path = "/containers/create";
      if (wish !== undefined && idFile === undefined)
        return await client.begin(path, { ...request, attach: !wish.detach, detachKeys: wish.detachKeys });
      return { made: await client.json("POST", path, request), started: false, session: undefined };
    };
    const pulling = flags.pull === "missing" ? pullingMissing(context, image, pulled, create) : create();
    const { made, ...begun } = await pulling;
    for (const warning of made.Warnings ?? []) io.err(`WARNING: ${warning}\n`);
    await idFile?.write(made.Id);
    return { id: made.Id, body, ...begun };
  } finally {
    await idFile?.close();
  }
}

/** What a container is to be made of, without asking the engine. @throws CliError for flags that contradict each other. */
export async function planContainer(
  context: Context,
  flags: Flags,
  changed: ReadonlySet<string>,
  args: readonly string[],
  detached: boolean,
): Promise<{ image: string; body: CreateBody }> {
  if (!["always", "missing", "never", ""].includes(flags.pull)) {
    throw new CliError(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`, 125);
  }
  const [image = ""] = args;
  if (image.length < 64 || !IMAGE_ID.test(image)) parseImageName(image);
  const { proxies } = await context.config();
  const proxy = proxies === undefined ? [] : proxyVariables(proxies, (await context.client()).endpoint.host, flags.env);
  const body = await buildContainer(flags, changed, args, { env: context.io.env, proxy }, detached);
  // A program that asks at once would not wait for what a client tells later
  const size = flags.tty && (await context.io.isTerminal(1)) ? await context.io.terminalSize() : undefined;
  if (size !== undefined) body.HostConfig.ConsoleSize = [size.rows, size.columns];
  return { image, body };
}

/** What the engine says when it has no such image, or not for the platform that was asked for. */
const NO_IMAGE = /No such image|does not match the specified platform/i;

/** @throws CreateError for what names no platform. */
function checkedPlatform(text: string): string {
  try {
    return text === "" ? "" : platformText(text);
  } catch (error) {
    throw new CreateError(`error parsing specified platform: ${messageOf(error)}`);
  }
}

type PullFlags = Pick<Flags, "platform" | "quiet">;

/** What `create` gives; when it finds no image, that is pulled and it is asked again. */
export async function pullingMissing<T>(
  context: Context,
  image: string,
  flags: PullFlags,
  create: () => Promise<T>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    const missing = error instanceof ClientError && error.status === 404 && NO_IMAGE.test(error.detail);
    if (!missing) throw error;
    const shown = familiarReference(withDefaultTag(parseImageName(image)));
    if (!flags.quiet) context.io.err(`Unable to find image '${shown}' locally\n`);
    await pull(context, image, flags);
    return await create();
  }
}

async function pull(context: Context, image: string, { platform, quiet }: PullFlags): Promise<void> {
  const { pullImage } = await import("./pull-image.ts");
  await pullImage(context, withDefaultTag(parseImageName(image)), { platform, quiet, to: "err" });
}

/** What `run` and `create` say when something fails before the container runs, and their exit code. */
export function failedBeforeRunning(command: string, error: unknown): CliError {
  const message = messageOf(error);
  return new CliError(
    `berth: ${message}\n\nRun 'berth ${command} --help' for more information`,
    error instanceof ClientError || error instanceof CreateError ? startFailureCode(message) : 125,
  );
}

/** 127: not found; 126: not executable; 125: anything else. Docker's command goes by the text alone. */
function startFailureCode(text: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(text))
    return 127;
  if (/permission denied|is a directory/.test(text)) return 126;
  return 125;
}
