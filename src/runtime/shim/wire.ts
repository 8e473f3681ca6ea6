import { dataLoss } from "../../base/index.ts";
import { MESSAGE_HEADER_BYTES } from "./protocol.ts";

const decoder = new TextDecoder();

/** Builds a message: room for its head, then little-endian numbers, length-prefixed text (with a NUL) and bytes. */
export class PayloadWriter {
  #bytes = Buffer.allocUnsafe(256);
  #at = MESSAGE_HEADER_BYTES;

  u32(value: number): this {
    this.#grow(4);
    this.#at = this.#bytes.writeUInt32LE(value, this.#at);
    return this;
  }

  u64(value: number | bigint): this {
    this.#grow(8);
    this.#at = this.#bytes.writeBigUInt64LE(BigInt(value), this.#at);
    return this;
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.u32(length).#grow(length + 1);
    this.#bytes.write(value, this.#at);
    this.#at = this.#bytes.writeUInt8(0, this.#at + length);
    return this;
  }

  texts(values: readonly string[]): this {
    this.u32(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.u32(value.length).#grow(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** The whole message. */
  message(type: number, id: number): Buffer {
    this.#bytes.fill(0, 0, MESSAGE_HEADER_BYTES);
    this.#bytes.writeUInt32LE(this.#at - MESSAGE_HEADER_BYTES, 0);
    this.#bytes.writeUInt16LE(type, 4);
    this.#bytes.writeUInt32LE(id, 8);
    return this.#bytes.subarray(0, this.#at);
  }

  #grow(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
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
