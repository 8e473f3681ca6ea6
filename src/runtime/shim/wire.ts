import { dataLoss } from "../../base/index.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Builds a message's payload: little-endian numbers, length-prefixed text (with a NUL) and bytes. */
export class PayloadWriter {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  u32(value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return this.#add(bytes);
  }

  u64(value: number | bigint): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
    return this.#add(bytes);
  }

  text(value: string): this {
    const bytes = encoder.encode(value);
    return this.u32(bytes.length).#add(bytes).#add(new Uint8Array(1));
  }

  texts(values: readonly string[]): this {
    this.u32(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  bytes(value: Uint8Array): this {
    return this.u32(value.length).#add(value);
  }

  parts(): readonly Uint8Array[] {
    return this.#parts;
  }

  #add(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.length += bytes.length;
    return this;
  }
}

/** Reads a payload. @throws data-loss beyond its end. */
export class PayloadReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  text(): string {
    const length = this.u32();
    const at = this.#take(length + 1);
    return decoder.decode(this.#bytes.subarray(at, at + length));
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw dataLoss("a message of the container's supervisor is cut short");
    this.#at += length;
    return at;
  }
}
