/** Tar archives for tests, also wrong ones: nothing about an entry is checked. */

export interface TarEntry {
  name: string | Buffer;
  /** ustar type flag: 0 file, 1 hard link, 2 symlink, 3 char, 4 block, 5 dir, 6 fifo, x/g pax. */
  type?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  data?: Uint8Array | string;
  link?: string;
  major?: number;
  minor?: number;
  /** Says another size than the data has. */
  claimedSize?: number;
  /** Breaks the checksum. */
  badChecksum?: boolean;
  /** Records of a pax header before the entry. */
  pax?: Record<string, string>;
}

/** A whole archive with its two closing blocks. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(entryBlocks), Buffer.alloc(1024)]);
}

/** The blocks of one entry. */
export function entryBlocks(entry: TarEntry): Buffer[] {
  const pax = entry.pax === undefined ? [] : entryBlocks({ name: "PaxHeaders/x", type: "x", data: paxText(entry.pax) });
  const data = typeof entry.data === "string" ? Buffer.from(entry.data) : Buffer.from(entry.data ?? []);
  const padding = Buffer.alloc((512 - (data.length % 512)) % 512);
  return [...pax, header(entry, data.length), data, padding];
}

function paxText(records: Record<string, string>): string {
  return Object.entries(records).map(paxRecord).join("");
}

function paxRecord([key, value]: [string, string]): string {
  const body = Buffer.byteLength(` ${key}=${value}\n`);
  // The length counts its own digits.
  let length = body + 1;
  while (String(length).length + body !== length) length = String(length).length + body;
  return `${length} ${key}=${value}\n`;
}

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, "0"), at, length - 1, "latin1");
  const name = typeof entry.name === "string" ? Buffer.from(entry.name) : entry.name;
  name.copy(block, 0, 0, 100);
  octal(entry.mode ?? 0o644, 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(entry.claimedSize ?? size, 124, 12);
  octal(entry.mtime ?? 0, 136, 12);
  block.write(entry.type ?? "0", 156, 1, "latin1");
  block.write(entry.link ?? "", 157, 100, "utf8");
  block.write("ustar\u000000", 257, 8, "latin1");
  octal(entry.major ?? 0, 329, 8);
  octal(entry.minor ?? 0, 337, 8);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0) + (entry.badChecksum === true ? 1 : 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
  return block;
}
