import { textOf, WireReader, WireWriter, type Value, type Variant } from "./wire.ts";

/** A message's kind, as its second byte tells. */
export const CALL = 1;
export const RETURN = 2;
export const ERROR = 3;
export const SIGNAL = 4;

const PATH = 1;
const INTERFACE = 2;
const MEMBER = 3;
const ERROR_NAME = 4;
const REPLY_SERIAL = 5;
const DESTINATION = 6;
const SIGNATURE = 8;

const LITTLE_ENDIAN = 0x6c;
const VERSION = 1;
/** What comes before the header's fields: four bytes, the body's length, the serial, the fields' length. */
const FIXED = 16;
/** The specification's own limit. */
const MAX_MESSAGE = 128 * 1024 * 1024;

export interface Call {
  destination: string;
  path: string;
  interface: string;
  member: string;
  signature: string;
  body: readonly Value[];
}

/** What is read of a message that came in. */
export interface Message {
  kind: number;
  replyTo: number | undefined;
  member: string | undefined;
  errorName: string | undefined;
  /** Reads the arguments. Most signals have types that nobody here reads. @throws when they are malformed or unknown. */
  readonly body: () => Value[];
}

export function encodeCall(serial: number, call: Call): Uint8Array {
  const body = new WireWriter();
  body.write(call.signature, call.body);
  const text = (code: number, signature: string, value: string): Value => [code, { signature, value }];
  const fields = [
    text(PATH, "o", call.path),
    text(DESTINATION, "s", call.destination),
    text(INTERFACE, "s", call.interface),
    text(MEMBER, "s", call.member),
    ...(call.signature === "" ? [] : [text(SIGNATURE, "g", call.signature)]),
  ];
  const head = new WireWriter();
  head.write("yyyyuua(yv)", [LITTLE_ENDIAN, CALL, 0, VERSION, body.length, serial, fields]);
  head.align(8);
  return Buffer.concat([head.toBytes(), body.toBytes()]);
}

/** How long the message is that these bytes begin; undefined: that cannot be told yet. @throws Error for what is none. */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED) return undefined;
  if (bytes[0] !== LITTLE_ENDIAN || bytes[3] !== VERSION) throw new Error("not a little-endian D-Bus message");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = Math.ceil((FIXED + view.getUint32(12, true)) / 8) * 8 + view.getUint32(4, true);
  if (length > MAX_MESSAGE) throw new Error(`a D-Bus message of ${length} bytes`);
  return length;
}

/** @param bytes one whole message. @throws when its header is malformed. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new WireReader(bytes);
  const [, kind, , , , , fields] = reader.read("yyyyuua(yv)");
  const byCode = new Map(
    (fields as Array<[number, Variant]>).map(([code, { value }]) => [code, value]), // the signature says so
  );
  reader.align(8);
  const text = (code: number) => {
    const value = byCode.get(code);
    return value === undefined ? undefined : textOf(value);
  };
  const replyTo = byCode.get(REPLY_SERIAL);
  return {
    kind: Number(kind),
    replyTo: replyTo === undefined ? undefined : Number(replyTo),
    member: text(MEMBER),
    errorName: text(ERROR_NAME),
    body: () => new WireReader(bytes, reader.position).read(text(SIGNATURE) ?? ""),
  };
}
