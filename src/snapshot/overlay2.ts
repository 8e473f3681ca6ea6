import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Archiver } from "../archive/index.ts";
import { errnoOf } from "../base/index.ts";
import {
  AT_FDCWD,
  makeSpreadDirectory,
  RENAME_EXCHANGE,
  runFileSteps,
  type FileStep,
  type Native,
} from "../sys/index.ts";
import type { Place, StorageDriver } from "./driver.ts";
import { makeBaseTree } from "./base-tree.ts";
import type { BaseEntry, RootfsMount } from "./types.ts";

/** Folder of short names; tools that know Docker's layout look for it. */
const LINKS = "l";
/** The folder of what lies beneath every active snapshot; another name when its content changes. */
const BASE = "base-1";
/** Docker's rights: the daemon's group may pass, nobody may look (CVE-2021-41091). */
const PRIVATE = 0o710;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * Layers as directories that the kernel stacks (overlay(5)), laid out like Docker's:
 *
 *     overlay2/ID/diff      what the layer adds; whiteouts as 0/0 devices
 *     overlay2/ID/work      the kernel's, empty
 *     overlay2/ID/merged    where Docker mounts; here only a name that inspect shows
 *     overlay2/ID/link      the short name: overlay2/l/LINK -> ../ID/diff
 *     overlay2/ID/lower     `l/LINK:l/LINK…`, nearest parent first
 *     overlay2/base-1       what every container has, beneath its image's layers
 */
export function createOverlay2(options: {
  root: string;
  archiver: Archiver;
  native: Pick<Native, "fileSteps" | "renameat2">;
  base?: readonly BaseEntry[];
}): StorageDriver {
  const { archiver, base = [] } = options;
  const home = join(options.root, "overlay2");
  const diffOf = (id: string) => join(home, id, "diff");
  const below = base.length === 0 ? [] : [join(home, BASE)];
  const lowersOf = ({ kind, ancestors }: Place) => [...ancestors.map(diffOf), ...(kind === "active" ? below : [])];

  /** Short names of what was made since boot; those of others are read. */
  const links = new Map<string, string>();
  const linkOf = async (id: string) => {
    const link = links.get(id) ?? (await readFile(join(home, id, "link"), "utf8").catch(() => undefined));
    return link !== undefined && isShortName(link) ? join(home, LINKS, link) : undefined;
  };

  /** What stands in `lower` of those above a snapshot, by that snapshot: it does not change any more. */
  const lowers = new Map<string, string>();
  const lowerUpon = async (parent: string) => {
    const known = lowers.get(parent) ?? (await readLower(home, parent));
    lowers.set(parent, known);
    return known;
  };

  return {
    name: "overlay2",
    home,

    open: async () => {
      await makeSpreadDirectory(options.native, home, PRIVATE);
      await mkdir(join(home, LINKS), { recursive: true, mode: PRIVATE });
      if (base.length > 0) await makeBaseTree(join(home, BASE), base);
    },

    create: async ({ id, ancestors }) => {
      const directory = join(home, id);
      const link = shortName();
      const parent = ancestors[0];
      const lower = parent === undefined ? undefined : await lowerUpon(parent);
      await runFileSteps(options.native, [
        { op: "mkdir", path: directory, mode: PRIVATE },
        { op: "mkdir", path: join(directory, "diff"), mode: 0o755 },
        { op: "mkdir", path: join(directory, "work"), mode: 0o700 },
        { op: "mkdir", path: join(directory, "merged"), mode: 0o700 },
        { op: "write", path: join(directory, "link"), data: link, mode: 0o644 },
        { op: "symlink", target: `../${id}/diff`, path: join(home, LINKS, link) },
        ...(lower === undefined ? [] : [lowerFile(directory, lower)]),
      ]);
      links.set(id, link);
    },

    stackUpon: async ({ id, ancestors }) => {
      const parent = ancestors[0];
      if (parent !== undefined)
        await runFileSteps(options.native, [lowerFile(join(home, id), await lowerUpon(parent))]);
    },

    exchange: (one, other) =>
      options.native.renameat2(AT_FDCWD, diffOf(one.id), AT_FDCWD, diffOf(other.id), RENAME_EXCHANGE),

    discard: async (id, trash) => {
      lowers.delete(id);
      const directory = join(home, id);
      const link = await linkOf(id);
      links.delete(id);
      await moveAway(options.native, directory, join(trash, id), link);
    },
    removeEmpty: (directory) => tried(options.native, emptySteps(directory)),

    unpackTarget: ({ id }) => ({ directory: diffOf(id), whiteouts: "overlay" }),
    mount: (place) => mountOf(home, place, lowersOf(place)),

    mountVolatile: async (place) => {
      // The kernel refuses what was mounted so before, in case the machine went down since; this one did not.
      const mark = join(home, place.id, "work", "work", "incompat");
      if (existsSync(mark)) await rm(mark, { recursive: true, force: true });
      const mount = mountOf(home, place, lowersOf(place));
      return mount.type === "overlay" && mount.upper !== undefined ? { ...mount, volatile: true } : mount;
    },
    usage: ({ id }) => archiver.usage({ path: diffOf(id) }),
    changes: (place) =>
      archiver.overlayChanges(
        { path: diffOf(place.id) },
        lowersOf(place).map((path) => ({ path })),
      ),
    diff: ({ id }, signal) => archiver.pack({ root: { path: diffOf(id) }, whiteouts: "overlay", signal }),

    graphData: (place) => ({
      ...(lowersOf(place).length === 0 ? {} : { LowerDir: lowersOf(place).join(":") }),
      MergedDir: join(home, place.id, "merged"),
      UpperDir: diffOf(place.id),
      WorkDir: join(home, place.id, "work"),
    }),

    directories: async () => (await readdir(home)).filter((name) => name !== LINKS && !name.startsWith("base-")),
  };
}

function mountOf(home: string, { id, kind }: Place, lower: string[]): RootfsMount {
  const own = join(home, id, "diff");
  // overlay(5) wants a lower directory besides the upper one, or two without.
  if (lower.length === 0) return { type: "bind", source: own, readOnly: kind === "committed" };
  if (kind === "committed") return { type: "overlay", lower: [own, ...lower], upper: undefined, work: undefined };
  return { type: "overlay", lower, upper: own, work: join(home, id, "work") };
}

async function readLower(home: string, parent: string): Promise<string> {
  const link = await readFile(join(home, parent, "link"), "utf8");
  const below = await readFile(join(home, parent, "lower"), "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  return below === undefined ? `${LINKS}/${link}` : `${LINKS}/${link}:${below}`;
}

/** Removes a snapshot in which nothing was written; fails before anything is gone when something was. */
function emptySteps(directory: string): FileStep[] {
  const within = (name: string) => join(directory, name);
  const missing = true;
  return [
    { op: "rmdir", path: within("diff"), missing },
    // The kernel's own folder, and its mark of a volatile mount.
    { op: "unlink", path: within("work/work/incompat/volatile/dirty"), missing },
    ...["work/work/incompat/volatile", "work/work/incompat", "work/work", "work", "merged"].map((name): FileStep => ({
      op: "rmdir",
      path: within(name),
      missing,
    })),
    { op: "unlink", path: within("lower"), missing },
    { op: "unlink", path: within("link"), missing },
    { op: "rmdir", path: directory, missing },
  ];
}

/** Whether all steps went well. @throws what is no file's failure. */
async function tried(native: Pick<Native, "fileSteps">, steps: readonly FileStep[]): Promise<boolean> {
  try {
    await runFileSteps(native, steps);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

function lowerFile(directory: string, lower: string): FileStep {
  return { op: "write", path: join(directory, "lower"), data: lower, mode: 0o644 };
}

/** 26 characters, as Docker's. */
function shortName(): string {
  return [...randomBytes(26)].map((byte) => BASE32[byte % BASE32.length]).join("");
}

function isShortName(text: string): boolean {
  return /^[A-Z2-7]{26}$/.test(text);
}

/** Renames, with the short name gone before; what is gone already is fine. */
export async function moveAway(
  native: Pick<Native, "fileSteps">,
  from: string,
  to: string,
  link?: string,
): Promise<void> {
  try {
    await runFileSteps(native, [
      ...(link === undefined ? [] : [{ op: "unlink", path: link, missing: true } as const]),
      { op: "rename", from, to },
    ]);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
