/**
 * D-Bus values as bytes (D-Bus specification, "Marshaling"): only the types that systemd's manager is spoken to with.
 *
 *     y byte · b boolean · u uint32 · t uint64 · s o g texts · v variant · aX array · (…) struct · ay also as bytes
 */
export type Value = number | bigint | boolean | string | Uint8Array | Variant | readonly Value[];

export interface Variant {
  signature: string;
  value: Value;
}

/** @throws Error for a value that is no text. */
export function textOf(value: Value | undefined): string {
  if (typeof value !== "string") throw new Error("a D-Bus value is no text");
  return value;
}

const ALIGNMENT: Readonly<Record<string, number>> = { y: 1, g: 1, v: 1, u: 4, b: 4, s: 4, o: 4, a: 4, t: 8, "(": 8 };

/** @throws Error for a type that this file does not know. */
function alignmentOf(type: string): number {
  const alignment = ALIGNMENT[type[0] ?? ""];
  if (alignment === undefined) throw new Error(`unknown D-Bus type ${JSON.stringify(type)}`);
  return alignment;
}

/** The complete types that a signature is made of: `sa(sv)u` is `s`, `a(sv)`, `u`. */
export function splitSignature(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length;) {
    const end = endOfType(signature, at);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function endOfType(signature: string, at: number): number {
  if (signature[at] === "a") return endOfType(signature, at + 1);
  if (signature[at] !== "(") return at + 1;
  let end = at + 1;
  while (signature[end] !== ")") {
    if (end >= signature.length) throw new Error(`unfinished D-Bus signature ${signature}`);
    end = endOfType(signature, end);
  }
  return end + 1;
}

/** Collects bytes; positions count from the start of the message, as alignment does. */
export class WireWriter {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  align(to: number): void {
    while (this.#bytes.length % to !== 0) this.#bytes.push(0);
  }

  /** Appends values of these types, one each. */
  write(signature: string, values: readonly Value[]): void {
    for (const [index, type] of splitSignature(signature).entries()) {
      const value = values[index];
      if (value === undefined) throw new Error(`no value for ${type} in ${signature}`);
      this.#one(type, value);
    }
  }

  #one(type: string, value: Value): void {
    this.align(alignmentOf(type));
    if (type === "y") this.#bytes.push(Number(value) & 0xff);
    else if (type === "b" || type === "u") this.#number(BigInt(Number(value)), 4);
    else if (type === "t")
      this.#number(BigInt(value as bigint | number), 8); // the signature says so
    else if (type === "s" || type === "o") this.#text(textOf(value), 4);
    else if (type === "g") this.#text(textOf(value), 1);
    else if (type === "v")
      this.#variant(value as Variant); // the signature says so
    else if (type.startsWith("("))
      this.write(type.slice(1, -1), value as readonly Value[]); // the signature says so
    else this.#array(type.slice(1), value as Uint8Array | readonly Value[]); // the signature says so
  }

  #number(value: bigint, size: number): void {
    for (let byte = 0; byte < size; byte++) this.#bytes.push(Number((value >> BigInt(8 * byte)) & 0xffn));
  }

  #text(text: string, lengthSize: number): void {
    const bytes = Buffer.from(text);
    this.#number(BigInt(bytes.length), lengthSize);
    this.#bytes.push(...bytes, 0);
  }

  #variant({ signature, value }: Variant): void {
    this.#one("g", signature);
    this.#one(signature, value);
  }

  #array(type: string, items: Uint8Array | readonly Value[]): void {
    const at = this.#bytes.length;
    this.#number(0n, 4);
    this.align(alignmentOf(type)); // not counted in the length
    const start = this.#bytes.length;
    for (const item of items) this.#one(type, item);
    const length = this.#bytes.length - start;
    for (let byte = 0; byte < 4; byte++) this.#bytes[at + byte] = (length >>> (8 * byte)) & 0xff;
  }
}

/** Reads values from a whole message. Every read is checked against its end. */
export class WireReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get position(): number {
    return this.#at;
  }

  align(to: number): void {
    this.#at = Math.ceil(this.#at / to) * to;
  }

  /** @throws RangeError when the message is shorter than it says; Error for an unknown type. */
  read(signature: string): Value[] {
    return splitSignature(signature).map((type) => this.#one(type));
  }

  #one(type: string): Value {
    this.align(alignmentOf(type));
    if (type === "y") return this.#view.getUint8(this.#step(1));
    if (type === "u") return this.#view.getUint32(this.#step(4), true);
    if (type === "b") return this.#view.getUint32(this.#step(4), true) !== 0;
    if (type === "t") return this.#view.getBigUint64(this.#step(8), true);
    if (type === "s" || type === "o") return this.#text(this.#view.getUint32(this.#step(4), true));
    if (type === "g") return this.#text(this.#view.getUint8(this.#step(1)));
    if (type === "v") {
      const signature = textOf(this.#one("g"));
      return { signature, value: this.#one(signature) };
    }
    if (type.startsWith("(")) return this.read(type.slice(1, -1));
    return this.#array(type.slice(1));
  }

  #step(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw new RangeError("a D-Bus message ends too early");
    this.#at += size;
    return at;
  }

  #text(length: number): string {
    const at = this.#step(length + 1);
    return Buffer.from(this.#bytes.subarray(at, at + length)).toString();
  }

  #array(type: string): Value[] {
    const length = this.#view.getUint32(this.#step(4), true);
    this.align(alignmentOf(type));
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError("a D-Bus message ends too early");
    const items: Value[] = [];
    while (this.#at < end) items.push(this.#one(type));
    return items;
  }
}
