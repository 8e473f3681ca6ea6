import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { formatNanos } from "../../base/index.ts";
import { chosenAttributes, tagOf } from "../attributes.ts";
import { badOption, DeliveryError } from "../errors.ts";
import { nanosOf } from "../times.ts";
import type { LogRecord, LogSender, LogSource, Options } from "../types.ts";
import { parseUrl, splitAuthority } from "./address.ts";
import { datagramSender, udpDatagrams } from "./datagrams.ts";
import { StreamConnection } from "./stream-connection.ts";

export const GELF_OPTIONS = [
  "gelf-address",
  "gelf-compression-level",
  "gelf-compression-type",
  "gelf-tcp-max-reconnect",
  "gelf-tcp-reconnect-delay",
];
const LEVEL = { stdout: 6, stderr: 3 };
/** What fits into a datagram on any way through the internet, and a chunk's header within. */
const CHUNK = 1420;
const CHUNK_HEADER = 12;
const MOST_CHUNKS = 128;

/** @throws invalid with Docker's text. */
export function checkGelfAddress(options: Options): void {
  addressOf(options);
}

/** @throws invalid with Docker's text. */
export function validateGelf(options: Options): void {
  const { scheme } = addressOf(options);
  const type = options["gelf-compression-type"];
  const level = options["gelf-compression-level"];
  if (scheme === "tcp" && (type !== undefined || level !== undefined)) {
    throw badOption("compression is only supported on UDP");
  }
  if (type !== undefined && !["gzip", "zlib", "none"].includes(type)) {
    throw badOption(`unknown value ${JSON.stringify(type)} for log opt "gelf-compression-type" for gelf log driver`);
  }
  if (level !== undefined && !/^(?:-1|\d)$/.test(level)) {
    throw badOption(`unknown value ${JSON.stringify(level)} for log opt "gelf-compression-level" for gelf log driver`);
  }
  for (const name of ["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"]) {
    if (options[name] === undefined) continue;
    if (scheme === "udp") throw badOption(`${JSON.stringify(name)} is only valid for TCP`);
    tries(options, name);
  }
}

function addressOf(options: Options) {
  const text = options["gelf-address"] ?? "";
  if (text === "") throw badOption("gelf-address is a required parameter");
  const { scheme, authority } = parseUrl(text);
  if (scheme !== "udp" && scheme !== "tcp") throw badOption("gelf: endpoint needs to be TCP or UDP");
  // Docker counts the colons only: an address without a port is told as one with too many.
  const { host, port } = /^(?:\[.*\]|[^:]*):\d+$/.test(authority) ? splitAuthority(authority) : {};
  if (host === undefined || port === undefined)
    throw badOption("gelf: please provide gelf-address as proto://host:port");
  return { scheme, host, port };
}

/** A whole number, or none. @throws invalid with Docker's text, which says that 0 is not one and takes it. */
function tries(options: Options, name: string): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  if (!/^\+?\d+$/.test(text)) throw badOption(`${JSON.stringify(name)} must be a positive integer`);
  return Number(text);
}

/** GELF 1.1: JSON over UDP, compressed and in chunks, or over TCP with a NUL after each. */
export function openGelf(source: LogSource): LogSender {
  const { options } = source;
  const { scheme, host, port } = addressOf(options);
  const message = messages(source);
  if (scheme === "tcp") {
    const connection = new StreamConnection({ host, port });
    const most = tries(options, "gelf-tcp-max-reconnect");
    const wait = tries(options, "gelf-tcp-reconnect-delay");
    return {
      send: (records) => connection.write(Buffer.from(records.map((record) => `${message(record)}\0`).join(""))),
      retry: {
        ...(wait === undefined ? {} : { wait: wait * 1000 }),
        ...(most === undefined ? {} : { tries: most + 1 }),
      },
      [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
    };
  }
  const compress = compressor(options);
  return datagramSender(udpDatagrams(host, port), async (record) =>
    chunks(await compress(Buffer.from(message(record)))),
  );
}

function messages(source: LogSource): (record: LogRecord) => string {
  const extra = Object.entries(chosenAttributes(source)).map(([name, value]) => [`_${name}`, value]);
  const fixed = {
    _command: [source.entrypoint, ...source.args].join(" ").trim(),
    _container_id: source.id,
    _container_name: source.name,
    _created: formatNanos(source.createdAt),
    _image_id: source.imageId,
    _image_name: source.imageName,
    _tag: tagOf(source, "{{.ID}}"),
    ...Object.fromEntries(extra),
  };
  const host = hostname();
  return ({ text, stream, time }) =>
    JSON.stringify({
      version: "1.1",
      host,
      short_message: text.toString(),
      timestamp: Number(nanosOf(time) / 1_000_000n) / 1000,
      level: LEVEL[stream],
      ...fixed,
    });
}

function compressor(options: Options): (message: Buffer) => Promise<Buffer> {
  const level = Number(options["gelf-compression-level"] ?? "1");
  const type = options["gelf-compression-type"] ?? "gzip";
  if (type === "none" || level === 0) return async (message) => message;
  const compress = promisify(type === "zlib" ? deflate : gzip) as (data: Buffer, o: object) => Promise<Buffer>; // one of two overloads
  return (message) => compress(message, { level });
}

function chunks(message: Buffer): Buffer[] {
  if (message.length <= CHUNK) return [message];
  const room = CHUNK - CHUNK_HEADER;
  const number = Math.ceil(message.length / room);
  if (number > MOST_CHUNKS) {
    throw new DeliveryError(`a message of ${message.length} bytes is too long for GELF over UDP`, { refused: 1 });
  }
  const id = randomBytes(8);
  return Array.from({ length: number }, (_, index) =>
    Buffer.concat([
      Buffer.from([0x1e, 0x0f]),
      id,
      Buffer.from([index, number]),
      message.subarray(index * room, (index + 1) * room),
    ]),
  );
}
