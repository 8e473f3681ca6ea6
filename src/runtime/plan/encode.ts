import { invalid } from "../../base/index.ts";
import { OPS, type ArgKind, type OpName, type PlanOp } from "./ops.ts";

/** "BPLN", read as a little-endian number. */
const MAGIC = 0x4e4c5042;
const VERSION = 1;
/** What the shim takes; a plan of Docker's default container is below 16 KiB. */
export const MAX_PLAN_BYTES = 8 * 1024 * 1024;

/**
 * The wire form of a plan: magic, version (u32), count (u32), then each operation as u16 opcode, u16 zero, u32 length of
 * what follows, arguments in the table's order.
 * @throws invalid for text with a NUL inside, numbers out of range, or a plan larger than MAX_PLAN_BYTES.
 */
export function encodePlan(ops: readonly PlanOp[]): Uint8Array {
  const out = new PlanWriter();
  out.u32(MAGIC);
  out.u32(VERSION);
  out.u32(ops.length);
  for (const op of ops) {
    const row = OPS[op.op];
    out.u32(row.code); // u16 opcode and u16 zero, little-endian
    const length = out.reserve();
    // The union is correlated (op name ↔ its arguments), which the compiler cannot follow through a loop over keys.
    const values = op as unknown as Record<string, unknown>;
    for (const { name, kind, where } of argumentsOf(op.op)) writeArg(out, kind, values[name], where);
    out.patch(length);
  }
  if (out.length > MAX_PLAN_BYTES) throw invalid(`launch plan of ${out.length} bytes is larger than ${MAX_PLAN_BYTES}`);
  return out.finish();
}

interface Argument {
  name: string;
  kind: ArgKind;
  where: string;
}

const known = new Map<OpName, Argument[]>();

function argumentsOf(op: OpName): Argument[] {
  let list = known.get(op);
  if (list === undefined) {
    list = Object.entries(OPS[op].args).map(([name, kind]) => ({ name, kind, where: `${op}.${name}` }));
    known.set(op, list);
  }
  return list;
}

function writeArg(out: PlanWriter, kind: ArgKind, value: unknown, where: string): void {
  // PlanOp's types have checked the values; what is checked here is their range.
  switch (kind) {
    case "u32":
      return out.u32(inRange(value as number, 0, 0xffff_ffff, where));
    case "i32":
      return out.u32(inRange(value as number, -0x8000_0000, 0x7fff_ffff, where) >>> 0);
    case "u64":
      return out.u64(BigInt(value as number | bigint), where);
    case "text":
      return out.text(value as string, where);
    case "bytes":
      return out.bytes(value as Uint8Array);
    case "texts": {
      const texts = value as readonly string[];
      out.u32(texts.length);
      for (const text of texts) out.text(text, where);
      return;
    }
    case "u32s": {
      const numbers = value as readonly number[];
      out.u32(numbers.length);
      for (const number of numbers) out.u32(inRange(number, 0, 0xffff_ffff, where));
      return;
    }
  }
}

function inRange(value: number, low: number, high: number, where: string): number {
  if (!Number.isInteger(value) || value < low || value > high) throw invalid(`${where}: ${value} is out of range`);
  return value;
}

class PlanWriter {
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #view = viewOf(this.#buffer);
  length = 0;

  u32(value: number): void {
    this.#grow(4);
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }

  u64(value: bigint, where: string): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw invalid(`${where}: ${value} is out of range`);
    this.#grow(8);
    this.#view.setBigUint64(this.length, value, true);
    this.length += 8;
  }

  text(value: string, where: string): void {
    if (value.includes("\0")) throw invalid(`${where}: text with a NUL byte`);
    // A UTF-16 unit is at most 3 bytes of UTF-8.
    this.#grow(4 + value.length * 3 + 1);
    const written = this.#buffer.write(value, this.length + 4);
    this.#view.setUint32(this.length, written, true);
    this.#buffer[this.length + 4 + written] = 0;
    this.length += 4 + written + 1;
  }

  bytes(value: Uint8Array): void {
    this.#grow(4 + value.length);
    this.#view.setUint32(this.length, value.length, true);
    this.#buffer.set(value, this.length + 4);
    this.length += 4 + value.length;
  }

  /** Leaves room for a length and gives its place. */
  reserve(): number {
    this.u32(0);
    return this.length - 4;
  }

  /** Fills a reserved length with the number of bytes written since. */
  patch(place: number): void {
    this.#view.setUint32(place, this.length - place - 4, true);
  }

  finish(): Uint8Array {
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, this.length);
  }

  #grow(more: number): void {
    if (this.length + more <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.length + more));
    this.#buffer.copy(larger, 0, 0, this.length);
    this.#buffer = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
