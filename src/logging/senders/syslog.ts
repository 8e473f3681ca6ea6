import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { tagOf } from "../attributes.ts";
import { badOption, cannotStart } from "../errors.ts";
import { flag } from "../options.ts";
import type { LogRecord, LogSender, LogSource, Options, SenderCalls } from "../types.ts";
import { type Address, parseUrl, splitAuthority } from "./address.ts";
import { datagramSender, udpDatagrams, unixDatagrams } from "./datagrams.ts";
import { StreamConnection } from "./stream-connection.ts";

export const SYSLOG_OPTIONS = [
  "syslog-address",
  "syslog-facility",
  "syslog-format",
  "syslog-tls-ca-cert",
  "syslog-tls-cert",
  "syslog-tls-key",
  "syslog-tls-skip-verify",
];

/** In the order of RFC 5424, table 1; 12 to 15 have no names here. */
const FACILITIES =
  "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp - - - - local0 local1 local2 local3 local4 local5 local6 local7".split(
    " ",
  );
const SEVERITY = { stdout: 6, stderr: 3 };
const PORT = 514;
const HOST_SCHEMES = ["udp", "tcp", "tcp+tls"];
/** Where the host's own syslog listens. */
const LOCAL_SOCKETS = ["/dev/log", "/var/run/syslog", "/var/run/log"];
const FORMATS = ["", "rfc3164", "rfc5424", "rfc5424micro"];

/** @throws invalid with Docker's text. */
export function validateSyslog(options: Options): void {
  addressOf(options);
  facility(options);
  if (!FORMATS.includes(options["syslog-format"] ?? "")) throw badOption("Invalid syslog format");
  flag(options, "syslog-tls-skip-verify", false);
}

/** Where a socket is not there yet, a receiver may still come. @throws invalid with Docker's text. */
function addressOf(options: Options): Address {
  const text = options["syslog-address"] ?? "";
  if (text === "") return localSocket();
  const { scheme, authority, path } = parseUrl(text);
  if (scheme === "unix" || scheme === "unixgram") {
    if (path === "") throw badOption("stat : no such file or directory");
    return { scheme, path };
  }
  if (!HOST_SCHEMES.includes(scheme)) throw badOption(`unsupported scheme: '${scheme}'`);
  const { host, port = PORT } = splitAuthority(authority);
  return { scheme, host, port };
}

function facility(options: Options): number {
  const text = options["syslog-facility"] ?? "";
  if (text === "") return FACILITIES.indexOf("daemon");
  const named = text === "-" ? -1 : FACILITIES.indexOf(text);
  if (named >= 0) return named;
  if (/^\d+$/.test(text) && Number(text) < FACILITIES.length) return Number(text);
  throw badOption("invalid syslog facility");
}

/** Syslog as RFC 3164 and RFC 5424 have it, over UDP, TCP, TLS (RFC 5425 frames) or a Unix socket. */
export function openSyslog(source: LogSource, calls: SenderCalls): LogSender {
  const { options } = source;
  const address = addressOf(options);
  const format = formatter(options["syslog-format"] ?? "", tagOf(source, "{{.ID}}"), facility(options) * 8);
  if (address.scheme === "udp" || address.scheme === "unixgram") {
    const datagrams = "path" in address ? unixDatagrams(address.path, calls) : udpDatagrams(address.host, address.port);
    return datagramSender(datagrams, (record) => [format(record)]);
  }
  const tls = address.scheme === "tcp+tls" ? { tls: tlsOptions(options) } : {};
  const connection = new StreamConnection("path" in address ? address : { ...address, ...tls });
  // RFC 5425 counts bytes; RFC 6587's other way ends each message with a line feed.
  const counted = address.scheme === "tcp+tls" && (options["syslog-format"] ?? "").startsWith("rfc5424");
  return {
    send: async (records) => {
      const pieces = records.map((record) => {
        const message = format(record);
        return Buffer.concat(counted ? [Buffer.from(`${message.length} `), message] : [message, LINE_FEED]);
      });
      await connection.write(Buffer.concat(pieces));
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

const LINE_FEED = Buffer.from("\n");

function localSocket() {
  return { scheme: "unixgram", path: LOCAL_SOCKETS.find((path) => existsSync(path)) ?? "/dev/log" } as const;
}

function tlsOptions(options: Options): ConnectionOptions {
  const file = (name: string) => {
    const path = options[name];
    if (path === undefined || path === "") return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      throw cannotStart(`could not read ${name} ${path}: ${String(error)}`);
    }
  };
  const [ca, cert, key] = [file("syslog-tls-ca-cert"), file("syslog-tls-cert"), file("syslog-tls-key")];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: !flag(options, "syslog-tls-skip-verify", false),
  };
}

function formatter(format: string, tag: string, priority: number): (record: LogRecord) => Buffer {
  const host = hostname();
  const { pid } = process;
  const head = (record: LogRecord): string => {
    const level = priority + SEVERITY[record.stream];
    switch (format) {
      case "rfc3164":
        return `<${level}>${stamp(record.time)} ${host} ${tag}[${pid}]: `;
      case "rfc5424":
        return `<${level}>1 ${offsetTime(record.time, 0)} ${host} ${tag} ${pid} ${tag} - `;
      case "rfc5424micro":
        return `<${level}>1 ${offsetTime(record.time, 6)} ${host} ${tag} ${pid} ${tag} - `;
      default:
        return `<${level}>${stamp(record.time)} ${tag}[${pid}]: `;
    }
  };
  return (record) => Buffer.concat([Buffer.from(head(record)), record.text]);
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const two = (value: number) => String(value).padStart(2, "0");

/** `Jan  2 15:04:05` in the host's time zone, as RFC 3164 has it. */
function stamp(time: string): string {
  const date = new Date(time);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${clock}`;
}

/** RFC 3339 in UTC with so many digits after the point; RFC 5424 has no more than six. */
function offsetTime(time: string, digits: number): string {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  return `${time.slice(0, 19)}${digits === 0 ? "" : `.${fraction.padEnd(digits, "0").slice(0, digits)}`}Z`;
}
