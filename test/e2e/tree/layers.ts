import { tar, type TarEntry } from "../../support/tar.ts";

/**
 * Layers with one of everything that a layer can hold, beneath `tree/`. Their bytes are the same wherever they are made,
 * so that what the real engine makes of them can be recorded.
 */
export function treeLayers(): TarEntry[][] {
  second = 1_500_000_000;
  return [metadata(), names(), below(), [...whiteouts(), ...sparse()]];
}

/** A time of its own for each entry, with nanoseconds. */
let second = 0;
function entry(name: string | Buffer, more: Omit<TarEntry, "name"> = {}): TarEntry {
  second += 1;
  const mtime = `${second}.${String(1_000_001 + (second % 1000)).padStart(9, "0")}`;
  return { ...more, name, mtime: second, pax: { mtime, ...more.pax } };
}

const directory = (name: string, more: Omit<TarEntry, "name"> = {}) =>
  entry(`${name}/`, { type: "5", mode: 0o755, ...more });

/** Owners, modes, devices, links, extended attributes. */
function metadata(): TarEntry[] {
  // cap_net_bind_service=ep, revision 2
  const capability = "\u0001\u0000\u0000\u0002\u0000\u0004" + "\u0000".repeat(14);
  return [
    directory("tree"),
    directory("tree/owners", { uid: 1000, gid: 50, mode: 0o2775 }),
    entry("tree/owners/high", { uid: 1_000_000, gid: 2_000_000, data: "high" }),
    entry("tree/owners/higher", { pax: { uid: "4000000000", gid: "3000000000" } }),
    directory("tree/modes", { mode: 0o1777 }),
    ...[0o4755, 0o2755, 0o6711, 0o000, 0o444, 0o777, 0o1666].map((mode) =>
      entry(`tree/modes/${mode.toString(8)}`, { mode, data: mode.toString(8) }),
    ),
    directory("tree/devices"),
    entry("tree/devices/null", { type: "3", mode: 0o666, major: 1, minor: 3 }),
    entry("tree/devices/block", { type: "4", mode: 0o660, gid: 6, major: 7, minor: 200 }),
    entry("tree/devices/pipe", { type: "6", mode: 0o620 }),
    directory("tree/links"),
    entry("tree/links/file", { data: "linked", mode: 0o640, uid: 5 }),
    entry("tree/links/hard", { type: "1", link: "tree/links/file", mode: 0o640, uid: 5 }),
    entry("tree/links/soft", { type: "2", link: "../modes", mode: 0o777, uid: 7, gid: 8 }),
    entry("tree/links/dangling", { type: "2", link: "/nowhere/at/all", mode: 0o777 }),
    entry("tree/links/hard-to-soft", { type: "1", link: "tree/links/dangling", mode: 0o777 }),
    directory("tree/xattrs", { pax: { "SCHILY.xattr.user.of": "a directory" } }),
    entry("tree/xattrs/file", {
      data: "attributes",
      pax: { "SCHILY.xattr.user.one": "1", "SCHILY.xattr.user.two": "line\nbreak", "SCHILY.xattr.trusted.three": "3" },
    }),
    entry("tree/xattrs/capable", { mode: 0o755, data: "x", pax: { "SCHILY.xattr.security.capability": capability } }),
  ];
}

/** Long, odd and non-UTF-8 names. */
function names(): TarEntry[] {
  const deep = `tree/names/${"n".repeat(90)}/${"o".repeat(90)}`;
  const far = `${deep}/${"p".repeat(255)}`;
  return [
    directory("tree/names"),
    directory(`tree/names/${"n".repeat(80)}`),
    entry(`pax`, { pax: { path: far }, data: "long by pax" }),
    // GNU's way: the name is the data of an entry before.
    { name: "././@LongLink", type: "L", data: `tree/names/${"g".repeat(200)}\0` },
    entry(`tree/names/${"g".repeat(80)}`, { data: "long by GNU" }),
    entry("tree/names/long-target", { type: "2", mode: 0o777, pax: { linkpath: "t".repeat(300) } }),
    entry("tree/names/grüße ☃", { data: "utf8" }),
    entry(Buffer.concat([Buffer.from("tree/names/bad-"), Buffer.from([0xff, 0xfe, 0x80])]), { data: "bytes" }),
    entry("tree/names/new\nline", { data: "control" }),
    entry("tree/names/-dash and space ", { data: "dash" }),
    entry("tree/names/\\backslash\\", { data: "backslash" }),
    directory("tree/names/...dots"),
  ];
}

/** What the last layer takes away. */
function below(): TarEntry[] {
  return [
    directory("tree/below", { uid: 3 }),
    entry("tree/below/kept", { data: "kept" }),
    entry("tree/below/gone", { data: "gone" }),
    directory("tree/below/gone-folder"),
    entry("tree/below/gone-folder/file", { data: "gone too" }),
    entry("tree/below/replaced", { data: "old", mode: 0o600 }),
    entry("tree/below/file-to-folder", { data: "was a file" }),
    directory("tree/below/folder-to-file"),
    entry("tree/below/folder-to-file/file", { data: "gone with it" }),
    directory("tree/below/folder-to-link"),
    entry("tree/below/folder-to-link/file", { data: "gone with it" }),
    directory("tree/below/opaque", { mode: 0o700 }),
    entry("tree/below/opaque/old", { data: "hidden" }),
    directory("tree/below/opaque/old-folder"),
    directory("tree/below/merged", { mode: 0o750 }),
    entry("tree/below/merged/old", { data: "shown" }),
    directory("tree/below/touched", { mode: 0o711, uid: 9 }),
    entry("tree/below/touched/old", { data: "shown" }),
  ];
}

/** GNU's sparse format 1.0: 100 MiB with two islands of 4 KiB; and a file that is really large. */
function sparse(): TarEntry[] {
  const size = 100 * 1024 * 1024;
  const islands: Array<[number, number]> = [
    [1024 * 1024, 4096],
    [size - 4096, 4096],
  ];
  const map = Buffer.alloc(512);
  map.write(`${islands.length}\n${islands.map(([at, length]) => `${at}\n${length}\n`).join("")}`);
  const data = Buffer.concat([map, ...islands.map(([, length]) => Buffer.alloc(length, "island"))]);
  const pax = {
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.name": "tree/sparse",
    "GNU.sparse.realsize": String(size),
  };
  return [
    entry("tree/GNUSparseFile.0/sparse", { data, pax }),
    entry("tree/huge", { data: Buffer.alloc(8 * 1024 * 1024 + 1, "a pattern that repeats") }),
  ];
}

function whiteouts(): TarEntry[] {
  return [
    directory("tree/below", { uid: 4 }),
    entry("tree/below/.wh.gone"),
    entry("tree/below/.wh.gone-folder"),
    entry("tree/below/replaced", { data: "new", mode: 0o755, uid: 11 }),
    directory("tree/below/file-to-folder"),
    entry("tree/below/file-to-folder/file", { data: "in the folder" }),
    entry("tree/below/.wh.folder-to-file"),
    entry("tree/below/folder-to-file", { data: "is a file now" }),
    entry("tree/below/.wh.folder-to-link"),
    entry("tree/below/folder-to-link", { type: "2", link: "kept", mode: 0o777 }),
    directory("tree/below/opaque", { mode: 0o755, uid: 12 }),
    entry("tree/below/opaque/.wh..wh..opq"),
    entry("tree/below/opaque/new", { data: "alone" }),
    directory("tree/below/merged", { mode: 0o711, gid: 13 }),
    entry("tree/below/merged/new", { data: "beside the old one" }),
    // Its folder has no entry of its own in this layer.
    entry("tree/below/touched/new", { data: "in a folder from below" }),
  ];
}

/** The bytes of all layers; the test proves by them that what is compared was made of the same archive. */
export function treeBytes(layers: readonly TarEntry[][]): Buffer {
  return Buffer.concat(layers.map((layer) => tar(layer)));
}
