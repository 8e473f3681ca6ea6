/** As much of DNS on the wire (RFC 1035) as a name server for containers takes: one question, simple answers. */

export const TYPE = { A: 1, PTR: 12, AAAA: 28 } as const;
export const RCODE = { success: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4 } as const;

const HEADER = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const OPCODE_MASK = 0x7800;
const CLASS_IN = 1;
/** Containers come and go; Docker's answers live ten minutes, which outlives many of them. */
const TTL_SECONDS = 60;
/** What a client that names no size takes over UDP (RFC 1035 §4.2.1). */
export const PLAIN_UDP_SIZE = 512;

export interface Query {
  id: number;
  flags: number;
  /** Lower case, without the dot at the end. */
  name: string;
  type: number;
  internet: boolean;
  /** Where the question section ends. */
  end: number;
}

/** The question of a message, or undefined when it is none that can be answered. */
export function parseQuery(message: Buffer): Query | undefined {
  if (message.length < HEADER) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & (FLAG_RESPONSE | OPCODE_MASK)) !== 0 || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER;
  for (;;) {
    const length = message[at];
    // Compression in a question would have nothing to point at.
    if (length === undefined || length > 63 || at + 1 + length > message.length) return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  return {
    id: message.readUInt16BE(0),
    flags,
    name: labels.join(".").toLowerCase(),
    type: message.readUInt16BE(at),
    internet: message.readUInt16BE(at + 2) === CLASS_IN,
    end: at + 4,
  };
}

/** The reply to `message`: its question, and one record of the asked type for each of `data`. */
export function answer(message: Buffer, query: Query, rcode: number, data: readonly Buffer[] = []): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE | (query.flags & FLAG_RECURSION_DESIRED) | rcode, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data.length, 6);
  const records = data.map((value) => {
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc000 | HEADER, 0); // the question's name
    record.writeUInt16BE(query.type, 2);
    record.writeUInt16BE(CLASS_IN, 4);
    record.writeUInt32BE(TTL_SECONDS, 6);
    record.writeUInt16BE(value.length, 10);
    return Buffer.concat([record, value]);
  });
  return Buffer.concat([header, message.subarray(HEADER, query.end), ...records]);
}

/** A reply that fits into a datagram: too long a one is cut to its question and marked, so that the client uses TCP. */
export function fitDatagram(reply: Buffer, query: Query, size: number = PLAIN_UDP_SIZE): Buffer {
  if (reply.length <= size) return reply;
  const cut = Buffer.from(reply.subarray(0, query.end));
  cut.writeUInt16BE(cut.readUInt16BE(2) | FLAG_TRUNCATED, 2);
  cut.fill(0, 6, HEADER);
  return cut;
}

/** The UDP size that the query's OPT record offers (RFC 6891), which stands right behind the question. */
export function offeredSize(message: Buffer, query: Query): number {
  const at = query.end;
  const isOpt = message.length >= at + 11 && message[at] === 0 && message.readUInt16BE(at + 1) === 41;
  return isOpt ? Math.max(PLAIN_UDP_SIZE, message.readUInt16BE(at + 3)) : PLAIN_UDP_SIZE;
}

/** A domain name as record data. */
export function encodeName(name: string): Buffer {
  const labels = name.split(".").map((label) => {
    const bytes = Buffer.from(label, "latin1").subarray(0, 63);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** The address that a name of in-addr.arpa or ip6.arpa asks about, in its usual text. */
export function reverseAddress(name: string): string | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (four !== null) return four.slice(1).reverse().join(".");
  if (!/^([0-9a-f]\.){32}ip6\.arpa$/.test(name)) return undefined;
  const digits = name.slice(0, 63).split(".").reverse().join("");
  return digits.replace(/(....)(?!$)/g, "$1:");
}
