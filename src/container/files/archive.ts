import { closeSync, constants, openSync } from "node:fs";
import { posix } from "node:path";
import type { CallContext, PathStat } from "../../api/index.ts";
import type { DirectoryRef } from "../../archive/index.ts";
import { errnoOf, forbidden, isKind, notFound } from "../../base/index.ts";
import type { IdMappings } from "../../spec/index.ts";
import { sendable, type SendableBytes } from "../../wire/index.ts";
import type { ContainerEntry } from "../entry.ts";
import { JustEnded } from "../errors.ts";
import type { MountRecord } from "../record.ts";
import type { Phase } from "../state.ts";
import type { ContainerDependencies } from "../types.ts";
import { idMappings } from "../user-namespace.ts";

type Needs = Pick<ContainerDependencies, "archiver" | "snapshotter" | "config">;

/** A place in a container: a directory of this host that bounds it, and the path within. */
interface Place {
  root: DirectoryRef;
  path: string;
  /** Owners in it are the host's: what they are in the container. The layers themselves have the container's. */
  ids?: IdMappings | undefined;
}

/** `HEAD /containers/{id}/archive`. @throws not-found `Could not find the file P in container REF`. */
export async function statPath(entry: ContainerEntry, ref: string, path: string, needs: Needs): Promise<PathStat> {
  return await within(entry, path, { needs, readOnly: true }, ({ root, path: inside }) =>
    found(needs.archiver.stat(root, inside), path, ref),
  );
}

/** `GET …/archive`: a tar of the path, links never followed out of the container. */
export async function getPath(
  entry: ContainerEntry,
  ref: string,
  path: string,
  call: CallContext,
  needs: Needs,
): Promise<{ stat: PathStat; body: SendableBytes }> {
  const ready = Promise.withResolvers<{ stat: PathStat; body: SendableBytes }>();
  const read = Promise.withResolvers<void>();
  // The tree stays open until the body was read, failed or left.
  within(entry, path, { needs, readOnly: true }, async ({ root, path: inside, ids }) => {
    const { stat, body } = await found(needs.archiver.get(root, inside, { ids, signal: call.signal }), path, ref);
    const pieces = body[Symbol.asyncIterator]();
    const leave = (): void => {
      void pieces.return?.();
      read.resolve();
    };
    call.signal.addEventListener("abort", leave, { once: true });
    // What cannot be read from its beginning is an error, and not an answer that breaks off.
    const first = await found(pieces.next(), path, ref);
    ready.resolve({ stat, body: sendable(continued(first, pieces, read.resolve), () => body) });
    await read.promise;
  }).catch(ready.reject);
  return await ready.promise;
}

async function* continued(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
  done: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
    done();
  }
}

/**
 * `PUT …/archive`. It goes where the container is when this is called; the lock is held then, and until the end of one
 * that does not run. @throws forbidden when the place is read-only; invalid when it is no directory.
 */
export async function putPath(
  entry: ContainerEntry,
  ref: string,
  path: string,
  options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  needs: Needs & Pick<ContainerDependencies, "users">,
): Promise<void> {
  refuseReadOnly(entry, path);
  const { phase } = entry.state;
  const owner = options.copyUidGid ? await ownerOf(entry, needs) : undefined;
  await within(entry, path, { needs, readOnly: false, phase }, ({ root, path: inside, ids }) =>
    found(
      needs.archiver.put(root, inside, body, {
        ids,
        noOverwriteDirNonDir: options.noOverwriteDirNonDir,
        owner,
        signal,
      }),
      path,
      ref,
    ),
  );
}

async function ownerOf(entry: ContainerEntry, needs: Needs & Pick<ContainerDependencies, "users">) {
  const { User = "" } = entry.record.config;
  if (User === "") return undefined;
  const { uid, gid } = needs.users.resolve(await needs.snapshotter.mounts(entry.id), User, []);
  return { uid, gid };
}

async function found<T>(work: Promise<T>, path: string, ref: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isKind(error, "not-found")) throw error;
    throw notFound(`Could not find the file ${path} in container ${ref}`, { cause: error });
  }
}

/**
 * Opens the container's tree: as it sees it while it runs; else its root file system, and volumes at their places.
 * @throws JustEnded before any work, while the exit of its process is not dealt with.
 */
async function within<T>(
  entry: ContainerEntry,
  path: string,
  { needs, readOnly, phase = entry.state.phase }: { needs: Needs; readOnly: boolean; phase?: Phase },
  work: (place: Place) => Promise<T>,
): Promise<T> {
  const ids = idMappings(entry.record.hostConfig, needs.config);
  if (phase.kind === "running") {
    const fd = openOf(entry, phase.pid, "root");
    try {
      // As long as this is open, its mounts stay where they are, though it may end meanwhile.
      const mounts = openOf(entry, phase.pid, "ns/mnt");
      try {
        return await work({ root: { fd }, path, ids });
      } finally {
        closeSync(mounts);
      }
    } finally {
      closeSync(fd);
    }
  }
  const mount = mountAt(entry, path);
  if (mount?.type === "volume" || mount?.type === "bind") {
    const inside = clean(path).slice(mount.target.length) || "/";
    const trailing = path.endsWith("/.") ? `${inside}/.` : inside;
    return await work({ root: { path: mount.source }, path: trailing, ids });
  }
  return await needs.snapshotter.withMerged(entry.id, ({ fd }) => work({ root: { fd }, path }), { readOnly });
}

function openOf(entry: ContainerEntry, pid: number, what: "root" | "ns/mnt"): number {
  try {
    return openSync(`/proc/${pid}/${what}`, constants.O_RDONLY);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ESRCH") throw new JustEnded(entry.id);
    throw error;
  }
}

function clean(path: string): string {
  return posix.normalize(`/${path}`).replace(/(.)\/$/, "$1");
}

/** The mount that the path is on, by its text. */
function mountAt(entry: ContainerEntry, path: string): MountRecord | undefined {
  const absolute = clean(path);
  return entry.record.mounts
    .filter(({ target }) => absolute === target || absolute.startsWith(`${target}/`))
    .sort((a, b) => b.target.length - a.target.length)[0];
}

function refuseReadOnly(entry: ContainerEntry, path: string): void {
  const mount = mountAt(entry, path);
  if (mount?.readOnly === true) throw forbidden("mounted volume is marked read-only");
  if (mount === undefined && entry.record.hostConfig.ReadonlyRootfs === true) {
    throw forbidden("container rootfs is marked read-only");
  }
}
