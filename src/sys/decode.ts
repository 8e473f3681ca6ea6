import type { DirectoryEntry, FileStatus, FileSystemStatus } from "./types.ts";

/** struct statx (linux/stat.h). */
export function decodeStatx(raw: Buffer): FileStatus {
  const time = (at: number) => raw.readBigInt64LE(at) * 1_000_000_000n + BigInt(raw.readUInt32LE(at + 8));
  return {
    blksize: raw.readUInt32LE(4),
    nlink: raw.readUInt32LE(16),
    uid: raw.readUInt32LE(20),
    gid: raw.readUInt32LE(24),
    mode: raw.readUInt16LE(28),
    ino: raw.readBigUInt64LE(32),
    size: raw.readBigUInt64LE(40),
    blocks: raw.readBigUInt64LE(48),
    atime: time(64),
    btime: time(80),
    ctime: time(96),
    mtime: time(112),
    rdevMajor: raw.readUInt32LE(128),
    rdevMinor: raw.readUInt32LE(132),
    devMajor: raw.readUInt32LE(136),
    devMinor: raw.readUInt32LE(140),
    mountId: raw.readBigUInt64LE(144),
  };
}

/** The eight words that the addon gives for struct statfs. */
export function decodeStatfs(raw: Buffer): FileSystemStatus {
  const word = (index: number) => raw.readBigUInt64LE(index * 8);
  return {
    type: word(0),
    bsize: word(1),
    blocks: word(2),
    bfree: word(3),
    bavail: word(4),
    files: word(5),
    ffree: word(6),
    flags: word(7),
  };
}

/** struct linux_dirent64, one after another (getdents64(2)); undefined for an empty answer, which is the end. */
export function decodeEntries(raw: Buffer): DirectoryEntry[] | undefined {
  if (raw.length === 0) return undefined;
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < raw.length;) {
    const length = raw.readUInt16LE(at + 16);
    const name = raw.subarray(at + 19, raw.indexOf(0, at + 19));
    if (!isDots(name)) entries.push({ name, type: raw[at + 18] ?? 0, ino: raw.readBigUInt64LE(at) });
    at += length;
  }
  return entries;
}

function isDots(name: Buffer): boolean {
  return name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));
}

/** NUL-terminated names, one after another. */
export function decodeNames(raw: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let at = 0; at < raw.length;) {
    const end = raw.indexOf(0, at);
    const stop = end < 0 ? raw.length : end;
    names.push(raw.subarray(at, stop));
    at = stop + 1;
  }
  return names;
}
