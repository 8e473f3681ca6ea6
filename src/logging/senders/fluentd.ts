import { randomBytes } from "node:crypto";
import { goBool, goDuration, goSize, goUint, messageOf } from "../../base/index.ts";
import { chosenAttributes, tagOf } from "../attributes.ts";
import { badOption } from "../errors.ts";
import { flag } from "../options.ts";
import type { LogRecord, LogSender, LogSource, Options } from "../types.ts";
import { nanosOf } from "../times.ts";
import { type Address, parseUrl, splitAuthority } from "./address.ts";
import { EventTime, pack, type Packable } from "./msgpack.ts";
import { StreamConnection } from "./stream-connection.ts";

export const FLUENTD_OPTIONS = [
  "fluentd-address",
  "fluentd-async",
  "fluentd-async-connect",
  "fluentd-async-reconnect-interval",
  "fluentd-buffer-limit",
  "fluentd-max-retries",
  "fluentd-read-timeout",
  "fluentd-request-ack",
  "fluentd-retry-wait",
  "fluentd-sub-second-precision",
  "fluentd-write-timeout",
];
const PORT = 24_224;
/** Milliseconds between which a connection may be renewed. */
const RENEWAL = { least: 100, most: 10_000 };
/** Entries in one message: a receiver takes it as a whole. */
const MESSAGE_ENTRIES = 1000;

/** @throws invalid with Docker's text. */
export function validateFluentd(options: Options): void {
  addressOf(options);
  read(options, "fluentd-buffer-limit", goSize);
  retryWait(options);
  maxRetries(options);
  read(options, "fluentd-async", goBool);
  read(options, "fluentd-async-connect", goBool);
  renewal(options);
  read(options, "fluentd-sub-second-precision", goBool);
  read(options, "fluentd-request-ack", goBool);
  timeout(options, "fluentd-write-timeout");
  timeout(options, "fluentd-read-timeout");
}

/** The option's value; undefined when it is not given. @throws invalid with Go's text. */
function read<T>(
  options: Options,
  name: string,
  by: (text: string) => { readonly value: T } | { readonly problem: string },
): T | undefined {
  const text = options[name] ?? "";
  if (text === "") return undefined;
  const found = by(text);
  if ("problem" in found) throw badOption(found.problem);
  return found.value;
}

function addressOf(options: Options): Address {
  const given = options["fluentd-address"] || `127.0.0.1:${PORT}`;
  try {
    return readAddress(given.includes("://") ? given : `tcp://${given}`);
  } catch (error) {
    throw badOption(`invalid fluentd-address (${given}): ${messageOf(error)}`);
  }
}

function readAddress(text: string): Address {
  const { scheme, authority, path } = parseUrl(text);
  if (scheme === "unix") {
    if (/^\/*$/.test(path)) throw badOption("path is empty");
    return { scheme, path };
  }
  if (scheme !== "tcp" && scheme !== "tls") throw badOption(`unsupported scheme: '${scheme}'`);
  if (path !== "") throw badOption("should not contain a path element");
  const { host, port = PORT } = splitAuthority(authority);
  return { scheme, host, port };
}

/** fluentd's forward protocol, forward mode: `[tag, [[time, record], …], options]` as MessagePack. */
export function openFluentd(source: LogSource): LogSender {
  const { options } = source;
  const address = addressOf(options);
  const tls = address.scheme === "tls" ? { tls: {} } : {};
  const target = "path" in address ? address : { ...address, ...tls };
  const connection = new StreamConnection(target, timeout(options, "fluentd-write-timeout"));
  const patience = timeout(options, "fluentd-read-timeout");
  const lifetime = renewal(options) ?? Infinity;
  let since = Date.now();
  const tag = tagOf(source, "{{.ID}}");
  const acknowledged = flag(options, "fluentd-request-ack", false);
  const fine = flag(options, "fluentd-sub-second-precision", false);
  const fixed = { container_id: source.id, container_name: `/${source.name}`, ...chosenAttributes(source) };
  const entry = ({ text, stream, time, partial }: LogRecord): Packable => [
    timeOf(time, fine),
    { ...fixed, source: stream, log: text.toString(), ...(partial ? { partial_message: "true" } : {}) },
  ];
  const sendSome = async (records: readonly LogRecord[]) => {
    if (Date.now() - since >= lifetime) {
      await connection.close();
      since = Date.now();
    }
    const chunk = randomBytes(16).toString("base64");
    await connection.write(pack([tag, records.map(entry), acknowledged ? { chunk } : {}]));
    if (!acknowledged) return;
    // The answer is a map of one: {"ack": the chunk's id}.
    let answer = Buffer.alloc(0);
    while (!answer.includes(chunk)) answer = Buffer.concat([answer, await connection.read(patience)]).subarray(-1024);
  };
  const wait = retryWait(options);
  const tries = maxRetries(options);
  return {
    send: async (records) => {
      for (let at = 0; at < records.length; at += MESSAGE_ENTRIES) {
        await sendSome(records.slice(at, at + MESSAGE_ENTRIES));
      }
    },
    retry: { ...(wait === undefined ? {} : { wait }), ...(tries === undefined ? {} : { tries: tries + 1 }) },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

function timeOf(time: string, fine: boolean): Packable {
  const nanos = nanosOf(time);
  const seconds = Number(nanos / 1_000_000_000n);
  return fine ? new EventTime(seconds, Number(nanos % 1_000_000_000n)) : seconds;
}

/** Milliseconds of a span of time, as Go writes it; undefined when there is none. @throws invalid. */
function milliseconds(options: Options, name: string): number | undefined {
  const nanos = read(options, name, goDuration);
  return nanos === undefined || nanos === 0 ? undefined : nanos / 1e6;
}

function retryWait(options: Options): number | undefined {
  const wait = milliseconds(options, "fluentd-retry-wait");
  return wait === undefined ? undefined : Math.max(wait, 0);
}

const maxRetries = (options: Options): number | undefined => read(options, "fluentd-max-retries", goUint);

/** @throws invalid with Docker's text, which begins with the option's name. */
function renewal(options: Options): number | undefined {
  const name = "fluentd-async-reconnect-interval";
  return named(name, "", () => {
    const every = milliseconds(options, name);
    if (every !== undefined && (every < RENEWAL.least || every > RENEWAL.most)) {
      throw badOption(`value (${JSON.stringify(options[name])}) must be between 100ms and 10s`);
    }
    return every;
  });
}

/** @throws as above. */
function timeout(options: Options, name: "fluentd-read-timeout" | "fluentd-write-timeout"): number | undefined {
  const span = named(name, "value must be a duration: ", () => milliseconds(options, name));
  if (span === undefined || span > 0) return span;
  throw badOption(`invalid value for ${name}: value must be a duration that is non-negative`);
}

function named<T>(name: string, what: string, take: () => T): T {
  try {
    return take();
  } catch (error) {
    throw badOption(`invalid value for ${name}: ${what}${messageOf(error)}`);
  }
}
