import { randomBytes } from "node:crypto";
import { chosenAttributes, tagOf } from "../attributes.ts";
import { count, flag, parseSize } from "../options.ts";
import { badBufferSize, badValue } from "../errors.ts";
import type { LogRecord, LogSender, LogSource, Options } from "../types.ts";
import { nanosOf } from "../times.ts";
import { parseAddress } from "./address.ts";
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
const SCHEMES = { tcp: 24_224, tls: 24_224, unix: "path" } as const;
/** Options that are spans of time, as Go writes them. */
const DURATIONS = [
  "fluentd-async-reconnect-interval",
  "fluentd-read-timeout",
  "fluentd-retry-wait",
  "fluentd-write-timeout",
] as const;
/** Entries in one message: a receiver takes it as a whole. */
const MESSAGE_ENTRIES = 1000;

/** @throws invalid with Docker's text. */
export function validateFluentd(options: Options): void {
  addressOf(options);
  flag(options, "fluentd-async", false);
  flag(options, "fluentd-async-connect", false);
  flag(options, "fluentd-request-ack", false);
  flag(options, "fluentd-sub-second-precision", false);
  const limit = options["fluentd-buffer-limit"];
  if (limit !== undefined && parseSize(limit) === undefined) throw badBufferSize(limit);
  count(options, "fluentd-max-retries", 0);
  for (const name of DURATIONS) duration(options, name);
}

function addressOf(options: Options) {
  const text = options["fluentd-address"] || "127.0.0.1:24224";
  return parseAddress("fluentd-address", text.includes("://") ? text : `tcp://${text}`, SCHEMES);
}

/** fluentd's forward protocol, forward mode: `[tag, [[time, record], …], options]` as MessagePack. */
export function openFluentd(source: LogSource): LogSender {
  const { options } = source;
  const address = addressOf(options);
  const tls = address.scheme === "tls" ? { tls: {} } : {};
  const target = "path" in address ? address : { ...address, ...tls };
  const connection = new StreamConnection(target, duration(options, "fluentd-write-timeout"));
  const patience = duration(options, "fluentd-read-timeout");
  const renewal = duration(options, "fluentd-async-reconnect-interval") ?? Infinity;
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
    if (Date.now() - since >= renewal) {
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
  const wait = duration(options, "fluentd-retry-wait");
  const tries = count(options, "fluentd-max-retries", 0);
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

const UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Go writes it, `1s` or `1m30s`; undefined when there is none. @throws invalid. */
function duration(options: Options, name: (typeof DURATIONS)[number]): number | undefined {
  const text = options[name] ?? "";
  if (text === "" || text === "0") return undefined;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/u.test(text)) throw badValue(name, text);
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/gu);
  return [...parts].reduce((sum, [, value, unit]) => sum + Number(value) * (UNITS[unit ?? ""] ?? 0), 0) || undefined;
}
