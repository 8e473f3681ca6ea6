/** fluentd's forward protocol, as far as a receiver of the kill loop needs it. */

/** What MessagePack can say. */
type Value = string | number | boolean | null | Uint8Array | readonly Value[] | { readonly [key: string]: Value };

/** An entry's record: the container's id and its line. */
export interface ForwardRecord {
  container_id: string;
  log: string;
}

/** `[tag, [[time, record], …], options]`. */
export interface ForwardMessage {
  records: readonly ForwardRecord[];
  /** What is to be said once it was taken. */
  chunk: string | undefined;
}

/** There is more to come. */
class Incomplete extends Error {}

/** The messages that are whole, and how many bytes they have. */
export function forwardMessages(data: Buffer): { messages: ForwardMessage[]; used: number } {
  const messages: ForwardMessage[] = [];
  const reader = new Reader(data);
  for (let used = 0; ; used = reader.at) {
    try {
      if (used === data.length) return { messages, used };
      // The protocol's shape.
      const [, entries, { chunk }] = reader.value() as unknown as [
        string,
        Array<[unknown, ForwardRecord]>,
        { chunk?: string },
      ];
      messages.push({ records: entries.map(([, record]) => record), chunk });
    } catch (error) {
      if (error instanceof Incomplete) return { messages, used };
      throw error;
    }
  }
}

/** `{"ack": chunk}`. */
export function acknowledgement(chunk: string): Buffer {
  const text = Buffer.from(chunk);
  return Buffer.concat([Buffer.from([0x81, 0xa3]), Buffer.from("ack"), Buffer.from([0xd9, text.length]), text]);
}

/** Reads MessagePack: https://github.com/msgpack/msgpack/blob/master/spec.md. */
class Reader {
  readonly #data: Buffer;
  at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  value(): Value {
    const code = this.#number(1);
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 15);
    if (code < 0xa0) return this.#list(code & 15);
    if (code < 0xc0) return this.#take(code & 31).toString();
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return code === 0xc3;
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#number(2 ** (code - 0xcc));
      case 0xd7: // eight bytes of a type
        return this.#take(9);
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#take(this.#number(2 ** (code - 0xd9))).toString();
      case 0xdc:
      case 0xdd:
        return this.#list(this.#number(2 ** (code - 0xdb)));
      case 0xde:
      case 0xdf:
        return this.#map(this.#number(2 ** (code - 0xdd)));
      default:
        throw new Error(`MessagePack of an unknown kind: ${code}`);
    }
  }

  #list(length: number): Value[] {
    return Array.from({ length }, () => this.value());
  }

  #map(length: number): Value {
    return Object.fromEntries(Array.from({ length }, () => [this.#key(), this.value()]));
  }

  #key(): string {
    const key = this.value();
    if (typeof key === "string") return key;
    throw new Error("a key that is no text");
  }

  #number(bytes: number): number {
    return this.#take(bytes).readUIntBE(0, bytes);
  }

  #take(bytes: number): Buffer {
    const end = this.at + bytes;
    if (end > this.#data.length) throw new Incomplete();
    const part = this.#data.subarray(this.at, end);
    this.at = end;
    return part;
  }
}
