import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type BigIntStats } from "node:fs";
import { loadNative } from "../../../src/sys/index.ts";

const native = loadNative();
const SLASH = Buffer.from("/");
/** What an engine made itself, when it unpacked; the archive's own times are older. */
const YEAR_2020_NS = 1_577_836_800_000_000_000n;

/**
 * A tree as lines, one an entry: all that can be seen of it from within a container, in bytes' order. Not with the code
 * that is tested: two trees with the same lines are the same to their users.
 */
export function describeTree(root: string): string[] {
  const groups = new Map<bigint, number>();
  return [...entries(Buffer.from(root))].map(({ path, name }) => {
    const stat = lstatSync(path, { bigint: true });
    return [
      JSON.stringify(name.toString("latin1")),
      Number(stat.mode).toString(8),
      `${stat.uid}:${stat.gid}`,
      stat.mtimeNs < YEAR_2020_NS ? String(stat.mtimeNs) : "now",
      ...content(path, stat),
      ...group(groups, stat),
      ...xattrs(path),
    ].join(" ");
  });
}

function* entries(path: Buffer, name: Buffer = Buffer.from(".")): Generator<{ path: Buffer; name: Buffer }> {
  yield { path, name };
  if (!lstatSync(path).isDirectory()) return;
  for (const child of readdirSync(path, { encoding: "buffer" }).sort((a, b) => Buffer.compare(a, b)))
    yield* entries(Buffer.concat([path, SLASH, child]), Buffer.concat([name, SLASH, child]));
}

function content(path: Buffer, stat: BigIntStats): string[] {
  if (stat.isSymbolicLink())
    return [`-> ${JSON.stringify(readlinkSync(path, { encoding: "buffer" }).toString("latin1"))}`];
  if (stat.isCharacterDevice() || stat.isBlockDevice()) return [`device ${stat.rdev}`];
  return stat.isFile() ? [String(stat.size), hashOf(path)] : [];
}

function hashOf(path: Buffer): string {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(4 << 20);
  const fd = openSync(path, "r");
  try {
    for (let got = -1; got !== 0;) {
      got = readSync(fd, buffer, 0, buffer.length, null);
      hash.update(buffer.subarray(0, got));
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}

/** Names of one inode get the same number. */
function group(groups: Map<bigint, number>, stat: BigIntStats): string[] {
  if (stat.isDirectory() || stat.nlink < 2n) return [];
  const number = groups.get(stat.ino) ?? groups.size;
  groups.set(stat.ino, number);
  return [`link#${number}`];
}

function xattrs(path: Buffer): string[] {
  const names = native.llistxattr(path).sort((a, b) => Buffer.compare(a, b));
  return names.map((name) => `${name.toString()}=${native.lgetxattr(path, name).toString("hex")}`);
}
