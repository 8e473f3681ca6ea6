import { lstatSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ClientError } from "../client/index.ts";
import type { Context } from "./command.ts";
import { CliError } from "./errors.ts";
import { packTree } from "./pack-tree.ts";
import { pathOf } from "./targets.ts";
import { unpackTree } from "./unpack-tree.ts";

export interface CopyOptions {
  archive: boolean;
  followLink: boolean;
}

/** What the engine says of a path in a container (X-Docker-Container-Path-Stat). */
interface PathStat {
  name: string;
  mode: number;
  linkTarget: string;
}

/** Bits of Go's FileMode. */
const GO_DIRECTORY = 2 ** 31;
const GO_SYMLINK = 2 ** 27;

const has = (mode: number, bit: number) => Math.floor(mode / bit) % 2 === 1;

/**
 * Copies a path of a container to this machine, by the rules of `cp -a`. @returns the bytes copied.
 * @throws CliError, ClientError
 */
export async function copyFromContainer(
  context: Context,
  container: string,
  source: string,
  target: string,
  options: CopyOptions,
): Promise<number> {
  const client = await context.client();
  let path = source;
  if (options.followLink) {
    const stat = await statPath(context, container, source).catch(() => undefined);
    if (stat !== undefined && has(stat.mode, GO_SYMLINK)) {
      path = stat.linkTarget.startsWith("/") ? stat.linkTarget : join(dirname(source), stat.linkTarget);
    }
  }
  const response = await client.request("GET", `/containers${pathOf(container)}/archive`, { query: { path } });
  if (target === "-") {
    for await (const chunk of response.body) await context.io.writeOut(chunk);
    return 0;
  }
  const stat = decodeStat(response.headers.get("x-docker-container-path-stat"));
  const isDirectory = has(stat.mode, GO_DIRECTORY);
  const place = landingPlace(resolve(target), target, isDirectory, isContentsOf(source), source);
  return await unpackTree(response.body, {
    into: place.directory,
    root: stat.name,
    rename: place.name,
    keepOwners: options.archive,
  });
}

/** Copies a path of this machine into a container. @returns the bytes copied. */
export async function copyToContainer(
  context: Context,
  source: string,
  container: string,
  target: string,
  options: CopyOptions,
): Promise<number> {
  const client = await context.client();
  let destination = target;
  let stat = await statOrUndefined(context, container, destination);
  if (stat !== undefined && has(stat.mode, GO_SYMLINK)) {
    destination = stat.linkTarget.startsWith("/") ? stat.linkTarget : join(dirname(destination), stat.linkTarget);
    stat = await statOrUndefined(context, container, destination);
  }
  const isDirectory = stat !== undefined && has(stat.mode, GO_DIRECTORY);
  const put = async (path: string, body: AsyncIterable<Uint8Array>) => {
    await client.send("PUT", `/containers${pathOf(container)}/archive`, {
      query: { path, noOverwriteDirNonDir: "true", copyUIDGID: options.archive ? "true" : undefined },
      headers: { "Content-Type": "application/x-tar" },
      body,
    });
  };
  if (source === "-") {
    if (!isDirectory) throw new CliError(`destination "${container}:${target}" must be a directory`);
    await put(destination, context.io.stdin());
    return 0;
  }
  const local = resolve(source);
  const status = localStat(local, options.followLink);
  const contents = isContentsOf(source) && status.isDirectory();
  let into = destination;
  let name = contents ? "." : basename(local);
  if (stat === undefined) {
    if (target.endsWith("/") && !status.isDirectory()) throw new CliError("no such directory");
    into = dirname(destination.replace(/\/+$/, "")) || "/";
    name = basename(destination);
  } else if (!isDirectory) {
    if (status.isDirectory()) throw new CliError("cannot copy directory");
    if (target.endsWith("/")) throw new CliError("not a directory");
    into = dirname(destination);
    name = basename(destination);
  }
  const packed = packTree(local, { name, followRoot: options.followLink });
  await put(into, packed.chunks);
  return packed.size();
}

function isContentsOf(path: string): boolean {
  return path.endsWith("/.") || path === ".";
}

/** Where a copy lands on this machine, and under which name. @throws CliError for what cannot be. */
function landingPlace(
  target: string,
  given: string,
  sourceIsDirectory: boolean,
  contents: boolean,
  source: string,
): { directory: string; name: string } {
  const exists = statSync(target, { throwIfNoEntry: false });
  if (exists === undefined) {
    if (given.endsWith("/") && !sourceIsDirectory) throw new CliError("no such directory");
    const parent = statSync(dirname(target), { throwIfNoEntry: false });
    if (parent === undefined)
      throw new CliError(`invalid output path: directory ${JSON.stringify(dirname(target))} does not exist`);
    return { directory: dirname(target), name: basename(target) };
  }
  if (!exists.isDirectory()) {
    if (sourceIsDirectory) throw new CliError("cannot copy directory");
    if (given.endsWith("/")) throw new CliError("not a directory");
    return { directory: dirname(target), name: basename(target) };
  }
  return { directory: target, name: contents ? "." : basename(source.replace(/\/+\.?$/, "")) || "." };
}

function localStat(path: string, follow: boolean) {
  const status = follow ? statSync(path, { throwIfNoEntry: false }) : lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new CliError(`lstat ${dirname(path)}/${basename(path)}: no such file or directory`);
  return status;
}

async function statPath(context: Context, container: string, path: string): Promise<PathStat> {
  const response = await (
    await context.client()
  ).send("HEAD", `/containers${pathOf(container)}/archive`, { query: { path } });
  return decodeStat(response.headers.get("x-docker-container-path-stat"));
}

async function statOrUndefined(context: Context, container: string, path: string): Promise<PathStat | undefined> {
  try {
    return await statPath(context, container, path);
  } catch (error) {
    // HEAD has no body: a missing container shows itself at the next request
    if (error instanceof ClientError && error.status === 404) return undefined;
    throw error;
  }
}

function decodeStat(header: string | undefined): PathStat {
  const parsed: unknown = JSON.parse(Buffer.from(header ?? "e30=", "base64").toString());
  const { name = "", mode = 0, linkTarget = "" } = parsed as Partial<PathStat>; // the engine's promise
  return { name, mode, linkTarget };
}
