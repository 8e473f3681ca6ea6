import { badHeader } from "./errors.ts";
import type { PaxRecords } from "./pax.ts";
import { paxInteger } from "./pax.ts";
import { readNumber, type SparseSegment } from "./tar-format.ts";

/** Sparse files: GNU tar manual, "Storing Sparse Files": the old GNU form and PAX 0.0, 0.1 and 1.0. */

/** Segments that one archive entry may have: what a map costs stays small. */
const MAX_SEGMENTS = 1 << 20;

/** What the extended header says of a sparse file; `inline` ones (PAX 1.0) have their map in front of the content. */
export interface PaxSparse {
  form: "list" | "inline";
  segments: SparseSegment[];
  name: string | undefined;
  realSize: number | undefined;
}

/** The sparse records of an extended header, or undefined when there are none. @throws invalid. */
export function paxSparse(records: PaxRecords): PaxSparse | undefined {
  const found: PaxSparse = { form: "list", segments: [], name: undefined, realSize: undefined };
  let sparse = false;
  let offset: number | undefined;
  for (const [key, value] of records) {
    if (!key.startsWith("GNU.sparse.")) continue;
    sparse = true;
    switch (key) {
      case "GNU.sparse.major":
        if (value === "1") found.form = "inline";
        else if (value !== "0") throw badHeader(`sparse format ${value} is unknown`);
        break;
      case "GNU.sparse.name":
        found.name = value;
        break;
      case "GNU.sparse.size":
      case "GNU.sparse.realsize":
        found.realSize = paxInteger(key, value);
        break;
      case "GNU.sparse.offset":
        offset = paxInteger(key, value);
        break;
      case "GNU.sparse.numbytes":
        if (offset === undefined) throw badHeader("a sparse length has no offset");
        found.segments.push({ offset, length: paxInteger(key, value) });
        offset = undefined;
        break;
      case "GNU.sparse.map":
        found.segments = pairs(value === "" ? [] : value.split(","));
        break;
    }
    if (found.segments.length > MAX_SEGMENTS) throw badHeader("the sparse map is too long");
  }
  return sparse ? found : undefined;
}

function pairs(numbers: readonly string[]): SparseSegment[] {
  if (numbers.length % 2 !== 0) throw badHeader("the sparse map has half a pair");
  const segments: SparseSegment[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    const offset = paxInteger("sparse offset", numbers[i] ?? "");
    segments.push({ offset, length: paxInteger("sparse length", numbers[i + 1] ?? "") });
  }
  return segments;
}

/** Up to `count` segments of a header block of the old form; an empty slot ends the list. */
export function readOldSegments(block: Buffer, offset: number, count: number, into: SparseSegment[]): void {
  for (let i = 0; i < count; i++) {
    const at = offset + i * 24;
    if (block[at] === 0) return;
    into.push({ offset: readNumber(block, at, 12), length: readNumber(block, at + 12, 12) });
  }
  if (into.length > MAX_SEGMENTS) throw badHeader("the sparse map is too long");
}

/** Collects the map that PAX 1.0 puts in front of the content: decimal lines, padded to a block. */
export class InlineSparseMap {
  #text = "";
  readonly #numbers: string[] = [];

  /** Takes one block; true when the map is whole. @throws invalid. */
  add(block: Buffer): boolean {
    const lines = (this.#text + block.toString("latin1", 0, block.length)).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) {
      this.#numbers.push(line);
      if (this.#isWhole()) return true;
    }
    // An unfinished line longer than any number means that this is no map.
    if (this.#text.length > 32) throw badHeader("the sparse map is no list of numbers");
    return this.#isWhole();
  }

  segments(): SparseSegment[] {
    return pairs(this.#numbers.slice(1));
  }

  #isWhole(): boolean {
    const first = this.#numbers[0];
    if (first === undefined) return false;
    const count = paxInteger("sparse count", first);
    if (count < 0 || count > MAX_SEGMENTS) throw badHeader("the sparse map is too long");
    return this.#numbers.length === 1 + count * 2;
  }
}

/** Checks that segments ascend, lie within the file and need exactly the stored bytes. @throws invalid. */
export function checkSegments(
  segments: readonly SparseSegment[],
  realSize: number,
  storedSize: number,
): readonly SparseSegment[] {
  let end = 0;
  let stored = 0;
  for (const segment of segments) {
    if (segment.offset < end || segment.length < 0) throw badHeader("the sparse map is not ascending");
    end = segment.offset + segment.length;
    stored += segment.length;
    if (end > realSize) throw badHeader("the sparse map leads past the file's end");
  }
  if (stored !== storedSize) throw badHeader("the sparse map does not fit the stored size");
  return segments.filter((segment) => segment.length > 0);
}
