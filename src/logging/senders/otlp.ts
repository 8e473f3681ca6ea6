import { hostname } from "node:os";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { nowNanos } from "../../base/index.ts";
import { chosenAttributes, tagOf } from "../attributes.ts";
import { badAddress, badOption, DeliveryError } from "../errors.ts";
import { count } from "../options.ts";
import { nanosOf } from "../times.ts";
import type { LogRecord, LogSender, LogSource, Options } from "../types.ts";

export const OTLP_OPTIONS = ["otlp-endpoint", "otlp-headers", "otlp-compression", "otlp-timeout"];
const SEVERITY = {
  stdout: { severityNumber: 9, severityText: "INFO" },
  stderr: { severityNumber: 17, severityText: "ERROR" },
};
const TIMEOUT_S = 10;
const compress = promisify(gzip);

/** @throws invalid that names the option. */
export function validateOtlp(options: Options): void {
  endpointOf(options);
  headersOf(options);
  if (!["", "none", "gzip"].includes(options["otlp-compression"] ?? "")) {
    throw badOption(`invalid otlp-compression: ${options["otlp-compression"]}: it is gzip or none`);
  }
  count(options, "otlp-timeout", 1);
}

/** An endpoint without a path is a collector's root. */
function endpointOf(options: Options): URL {
  const text = options["otlp-endpoint"] || "http://127.0.0.1:4318";
  if (!URL.canParse(text)) throw badAddress("otlp-endpoint", text);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw badAddress("otlp-endpoint", text);
  if (url.pathname === "/") url.pathname = "/v1/logs";
  return url;
}

function headersOf(options: Options): Record<string, string> {
  const pairs = (options["otlp-headers"] ?? "").split(",").filter((pair) => pair !== "");
  return Object.fromEntries(
    pairs.map((pair): [string, string] => {
      const equals = pair.indexOf("=");
      if (equals < 1) throw badOption(`invalid otlp-headers: ${JSON.stringify(pair)} is not name=value`);
      return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
    }),
  );
}

/** OTLP over HTTP in its JSON encoding: `POST /v1/logs`. */
export function openOtlp(source: LogSource): LogSender {
  const { options } = source;
  const endpoint = endpointOf(options);
  const zipped = options["otlp-compression"] === "gzip";
  const headers = {
    "Content-Type": "application/json",
    ...(zipped ? { "Content-Encoding": "gzip" } : {}),
    ...headersOf(options),
  };
  const timeout = (count(options, "otlp-timeout", 1) ?? TIMEOUT_S) * 1000;
  const resource = { attributes: attributes(resourceOf(source)) };
  return {
    send: async (records) => {
      const logs = {
        resourceLogs: [{ resource, scopeLogs: [{ scope: { name: "berth" }, logRecords: records.map(recordOf) }] }],
      };
      const text = JSON.stringify(logs);
      const body = zipped ? await compress(text) : text;
      const response = await fetch(endpoint, {
        method: "POST",
        headers,
        body,
        redirect: "error",
        signal: AbortSignal.timeout(timeout),
      });
      judge(response.status, await response.text(), records.length);
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The codes after which OTLP says that a client tries again. */
const AGAIN = [429, 502, 503, 504];

function judge(status: number, body: string, count: number): void {
  if (status >= 200 && status < 300) {
    const refused = Number(/"rejectedLogRecords"\s*:\s*"?(\d+)/.exec(body)?.[1] ?? 0);
    if (refused > 0) throw new DeliveryError(`the receiver: ${body.slice(0, 200)}`, { sent: count - refused, refused });
    return;
  }
  const what = `the receiver answered ${status}: ${body.slice(0, 200)}`;
  throw new DeliveryError(what, { refused: AGAIN.includes(status) || status >= 500 ? 0 : count });
}

function resourceOf(source: LogSource): Record<string, string> {
  return {
    "service.name": source.name,
    "host.name": hostname(),
    "container.id": source.id,
    "container.name": source.name,
    "container.image.id": source.imageId,
    "container.image.name": source.imageName,
    ...(source.options["tag"] ? { tag: tagOf(source, "") } : {}),
    ...chosenAttributes(source),
  };
}

function recordOf({ text, stream, time, partial }: LogRecord) {
  return {
    timeUnixNano: String(nanosOf(time)),
    observedTimeUnixNano: String(nowNanos()),
    ...SEVERITY[stream],
    body: { stringValue: text.toString() },
    attributes: attributes({ "log.iostream": stream, ...(partial ? { "log.partial": "true" } : {}) }),
  };
}

function attributes(values: Readonly<Record<string, string>>) {
  return Object.entries(values).map(([key, value]) => ({ key, value: { stringValue: value } }));
}
