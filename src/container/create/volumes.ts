import { sourceIsFile } from "../../archive/index.ts";
import { crashPoint, messageOf, randomId } from "../../base/index.ts";
import { volumeOverFile } from "../errors.ts";
import type { ContainerRecord, MountRecord } from "../record.ts";
import type { ContainerDependencies } from "../types.ts";
import { idMappings } from "../user-namespace.ts";
import type { WantedMount } from "./mounts.ts";

type Needs = Pick<ContainerDependencies, "volumes" | "images" | "snapshotter" | "config">;
type WantedVolume = Extract<WantedMount, { type: "volume" }>;

/** What marks a volume as anonymous, in Docker too. */
const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

/** A name for each volume that has none, so that it can be noted before it is made. */
export function nameAnonymous(wanted: readonly WantedMount[]): { mounts: WantedMount[]; names: string[] } {
  const names: string[] = [];
  const mounts = wanted.map((mount): WantedMount => {
    if (mount.type !== "volume" || mount.name !== undefined) return mount;
    const name = randomId();
    names.push(name);
    return { ...mount, name, labels: { ...mount.labels, [ANONYMOUS_LABEL]: "" } };
  });
  return { mounts, names };
}

/**
 * Makes the volumes that mounts ask for, fills the new ones from the image, and gives the mounts with their sources.
 * `undo` gets what takes each step back.
 */
export async function settleMounts(
  record: ContainerRecord,
  wanted: readonly WantedMount[],
  needs: Needs,
  undo: AsyncDisposableStack,
): Promise<{ mounts: MountRecord[]; warnings: string[] }> {
  const mounts: MountRecord[] = [];
  const warnings: string[] = [];
  for (const mount of wanted) {
    if (mount.type === "volume") mounts.push(await settleVolume(mount, needs, undo));
    else if (mount.type === "inherited") mounts.push(mount.record);
    else if (mount.type === "image") {
      warnings.push("Image mount is an experimental feature");
      const image = await needs.images.resolve(mount.reference);
      const { reference, subpath, target } = mount;
      mounts.push({ type: "image", name: reference, imageId: image.id, subpath, target, readOnly: true });
    } else mounts.push(mount);
  }
  crashPoint("create:volumes-made");
  await copyUp(record, mounts, needs);
  return { mounts, warnings };
}

async function settleVolume(mount: WantedVolume, needs: Needs, undo: AsyncDisposableStack): Promise<MountRecord> {
  const use = await needs.volumes.ensure({
    name: mount.name,
    driver: mount.driver,
    options: Object.keys(mount.driverOptions).length > 0 ? mount.driverOptions : undefined,
    labels: mount.labels,
  });
  if (use.created) undo.defer(() => needs.volumes.remove(use.name, { force: true }));
  return {
    type: "volume",
    name: use.name,
    driver: use.driver,
    source: use.mountpoint,
    subpath: mount.subpath,
    target: mount.target,
    readOnly: mount.readOnly,
    mode: mount.mode,
    noCopy: mount.noCopy,
    anonymous: Object.hasOwn(mount.labels, ANONYMOUS_LABEL),
  };
}

/** Docker's copy-up: an empty volume gets what the image has at its place. */
async function copyUp(record: ContainerRecord, mounts: readonly MountRecord[], needs: Needs): Promise<void> {
  const empty = mounts.filter((mount) => mount.type === "volume" && !mount.noCopy && mount.subpath === "");
  if (empty.length === 0 || record.image.topChainId === undefined) return;
  const ids = idMappings(record.hostConfig, needs.config);
  await needs.snapshotter.withMerged(record.id, async ({ path }) => {
    for (const mount of empty) {
      if (mount.type !== "volume") continue;
      await needs.volumes.copyUp(mount.name, path, mount.target, ids).catch((error: unknown) => {
        const { target } = mount;
        const isFile = messageOf(error) === sourceIsFile(target).message;
        throw isFile && Object.hasOwn(record.config.Volumes ?? {}, target) ? volumeOverFile(target) : error;
      });
    }
  });
}
