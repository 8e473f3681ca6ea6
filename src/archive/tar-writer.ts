import { formatPax, formatPaxTime, keyOfXattr } from "./pax.ts";
import { BLOCK, CHECKSUM_OFFSET, type TarEntry, type TarType } from "./tar-format.ts";
import type { ByteString } from "./types.ts";

/** Largest number of an 8- and a 12-byte octal field. */
const MAX_8 = 0o7777777;
const MAX_12 = 0o77777777777;

const FLAGS: Readonly<Record<TarType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** The blocks in front of an entry's content: a pax header where ustar cannot say it, then the ustar header. */
export function formatHeader(entry: TarEntry): Buffer {
  const name = entry.type === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  const pax = paxOf(entry, name);
  const plain = formatUstar(entry, name, FLAGS[entry.type], entry.size);
  if (pax.length === 0) return plain;
  const records = formatPax(pax);
  const header = formatUstar(
    { ...entry, linkName: "", mode: 0o644, devMajor: 0, devMinor: 0 },
    paxName(name),
    "x",
    records.length,
  );
  return Buffer.concat([header, records, Buffer.alloc((BLOCK - (records.length % BLOCK)) % BLOCK), plain]);
}

/** What ends an archive. */
export const TRAILER = Buffer.alloc(2 * BLOCK);

function paxOf(entry: TarEntry, name: ByteString): [ByteString, ByteString][] {
  const pax: [ByteString, ByteString][] = [];
  if (!fits(name)) pax.push(["path", name]);
  if (!fits(entry.linkName)) pax.push(["linkpath", entry.linkName]);
  if (entry.size > MAX_12) pax.push(["size", String(entry.size)]);
  if (entry.uid > MAX_8) pax.push(["uid", String(entry.uid)]);
  if (entry.gid > MAX_8) pax.push(["gid", String(entry.gid)]);
  if (entry.mtimeNanos !== 0 || entry.mtime < 0 || entry.mtime > MAX_12) {
    pax.push(["mtime", formatPaxTime(entry.mtime, entry.mtimeNanos)]);
  }
  for (const [key, value] of entry.xattrs) pax.push([keyOfXattr(key), value]);
  return pax;
}

/** True when the plain field can hold it and every reader understands it the same. */
function fits(name: ByteString): boolean {
  if (name.length > 100) return false;
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) > 0x7e) return false;
  return true;
}

/** What a reader without pax would see; as other writers name it. */
function paxName(name: ByteString): ByteString {
  const trimmed = name.replace(/\/$/, "");
  const slash = trimmed.lastIndexOf("/");
  return `PaxHeaders.0/${trimmed.slice(slash + 1)}`;
}

function formatUstar(entry: TarEntry, name: ByteString, flag: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name.slice(0, 100), 0, "latin1");
  writeOctal(block, 100, 8, entry.mode);
  writeOctal(block, 108, 8, entry.uid > MAX_8 ? 0 : entry.uid);
  writeOctal(block, 116, 8, entry.gid > MAX_8 ? 0 : entry.gid);
  writeOctal(block, 124, 12, size > MAX_12 ? 0 : size);
  writeOctal(block, 136, 12, entry.mtime < 0 || entry.mtime > MAX_12 ? 0 : entry.mtime);
  block.write(flag, 156, "latin1");
  block.write(entry.linkName.slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  writeOctal(block, 329, 8, entry.devMajor);
  writeOctal(block, 337, 8, entry.devMinor);
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) sum += block[i] ?? 0;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, CHECKSUM_OFFSET, "latin1");
  return block;
}

function writeOctal(block: Buffer, offset: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
}
