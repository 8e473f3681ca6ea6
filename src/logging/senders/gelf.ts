import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { formatNanos } from "../../base/index.ts";
import { chosenAttributes, tagOf } from "../attributes.ts";
import { badOption, DeliveryError } from "../errors.ts";
import { count } from "../options.ts";
import { nanosOf } from "../times.ts";
import type { LogRecord, LogSender, LogSource, Options } from "../types.ts";
import { parseAddress } from "./address.ts";
import { datagramSender, udpDatagrams } from "./datagrams.ts";
import { StreamConnection } from "./stream-connection.ts";

export const GELF_OPTIONS = [
  "gelf-address",
  "gelf-compression-level",
  "gelf-compression-type",
  "gelf-tcp-max-reconnect",
  "gelf-tcp-reconnect-delay",
];
/** A port must be given: 0 is none. */
const SCHEMES = { udp: 0, tcp: 0 } as const;
const LEVEL = { stdout: 6, stderr: 3 };
/** What fits into a datagram on any way through the internet, and a chunk's header within. */
const CHUNK = 1420;
const CHUNK_HEADER = 12;
const MOST_CHUNKS = 128;

/** @throws invalid with Docker's text. */
export function validateGelf(options: Options): void {
  const { scheme } = addressOf(options);
  const type = options["gelf-compression-type"];
  const level = options["gelf-compression-level"];
  if (scheme === "tcp" && (type !== undefined || level !== undefined)) {
    throw badOption("compression is only supported on UDP");
  }
  if (type !== undefined && !["gzip", "zlib", "none"].includes(type)) {
    throw badOption(`unknown value ${JSON.stringify(type)} for log opt 'gelf-compression-type' for gelf log driver`);
  }
  if (level !== undefined && !/^(?:-1|\d)$/.test(level)) {
    throw badOption(`unknown value ${JSON.stringify(level)} for log opt 'gelf-compression-level' for gelf log driver`);
  }
  for (const name of ["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"]) {
    if (options[name] === undefined) continue;
    if (scheme === "udp") throw badOption(`${JSON.stringify(name)} option is not supported with UDP`);
    count(options, name, 0);
  }
}

function addressOf(options: Options) {
  const text = options["gelf-address"] ?? "";
  if (text === "") throw badOption("gelf-address is a required parameter");
  const address = parseAddress("gelf-address", text, SCHEMES);
  if ("path" in address) throw badOption("gelf: endpoint needs to be TCP or UDP");
  return address;
}

/** GELF 1.1: JSON over UDP, compressed and in chunks, or over TCP with a NUL after each. */
export function openGelf(source: LogSource): LogSender {
  const { options } = source;
  const { scheme, host, port } = addressOf(options);
  const message = messages(source);
  if (scheme === "tcp") {
    const connection = new StreamConnection({ host, port });
    const tries = count(options, "gelf-tcp-max-reconnect", 0);
    const wait = count(options, "gelf-tcp-reconnect-delay", 0);
    return {
      send: (records) => connection.write(Buffer.from(records.map((record) => `${message(record)}\0`).join(""))),
      retry: {
        ...(wait === undefined ? {} : { wait: wait * 1000 }),
        ...(tries === undefined ? {} : { tries: tries + 1 }),
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
