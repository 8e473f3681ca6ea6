import { join } from "node:path";
import { goSize } from "../base/index.ts";
import { chosenAttributes, tagOf } from "./attributes.ts";
import { badOption, noReading, unknownLocalOption } from "./errors.ts";
import {
  ATTRIBUTE_OPTIONS,
  CACHE_OPTIONS,
  checkDelivery,
  checkNames,
  flag,
  jsonFileRotation,
  localRotation,
} from "./options.ts";
import { readLog } from "./read.ts";
import { FLUENTD_OPTIONS, openFluentd, validateFluentd } from "./senders/fluentd.ts";
import { checkGelfAddress, GELF_OPTIONS, openGelf, validateGelf } from "./senders/gelf.ts";
import { checkJournald, openJournald } from "./senders/journald.ts";
import { openOtlp, OTLP_OPTIONS, validateOtlp } from "./senders/otlp.ts";
import { openSyslog, SYSLOG_OPTIONS, validateSyslog } from "./senders/syslog.ts";
import type { LogDriver, LogFilePlan, LogSource, Options } from "./types.ts";

const nothing = () => undefined;

/** Where json-file logs, among a container's own files. */
export function logFileIn(directory: string, containerId: string): string {
  return join(directory, `${containerId}-json.log`);
}

const jsonFile: LogDriver = {
  name: "json-file",
  validate(options) {
    checkDelivery(options);
    checkNames("json-file", options, ["max-size", "max-file", "compress", ...ATTRIBUTE_OPTIONS]);
  },
  file: (options, directory, containerId) => ({
    path: logFileIn(directory, containerId),
    ...jsonFileRotation(options),
    compress: flag(options, "compress", false),
    holds: false,
    shown: true,
  }),
  read: async (request) => readLog(request),
  check: nothing,
  attributes: shownAttributes,
  open: undefined,
};

/** The same files as json-file's, compressed and where nobody looks for them. */
const local: LogDriver = {
  name: "local",
  validate(options) {
    checkDelivery(options);
    checkNames("local", options, ["max-size", "max-file", "compress", ...ATTRIBUTE_OPTIONS], unknownLocalOption);
    const size = options["max-size"];
    const read = size === undefined || size === "-1" ? undefined : goSize(size);
    if (read !== undefined && "problem" in read)
      throw badOption(`invalid value for max-size: ${size}: ${read.problem}`);
  },
  file: (options, directory) => ({
    path: localPath(directory),
    ...localRotation(options, ""),
    compress: flag(options, "compress", true),
    holds: false,
    shown: false,
  }),
  read: async (request) => readLog(request),
  check: nothing,
  attributes: shownAttributes,
  open: undefined,
};

const none: LogDriver = {
  name: "none",
  validate: nothing,
  file: nothing,
  read: () => Promise.reject(noReading()),
  check: nothing,
  attributes: () => ({}),
  open: undefined,
};

/** Where the entries of a driver that sends them, or keeps them for `docker logs` alone, are. */
export function localPath(directory: string): string {
  return join(directory, "container-cached.log");
}

function shownAttributes(source: LogSource): Record<string, string> {
  const tag = source.options["tag"] ? { tag: tagOf(source, "") } : {};
  return { ...chosenAttributes(source), ...tag };
}

/**
 * A driver that sends entries elsewhere. They are written here first: what the receiver does not take yet waits in the file,
 * and `docker logs` reads it.
 */
function remote(parts: {
  name: string;
  options: readonly string[];
  /** What is said even before an option that nobody knows. */
  checkFirst?(options: Options): void;
  validate(options: Options): void;
  check?(): void;
  open: NonNullable<LogDriver["open"]>;
}): LogDriver {
  const names = [...parts.options, ...ATTRIBUTE_OPTIONS, ...CACHE_OPTIONS];
  return {
    name: parts.name,
    validate(options) {
      checkDelivery(options);
      parts.checkFirst?.(options);
      checkNames(parts.name, options, names);
      parts.validate(options);
    },
    file: (options, directory): LogFilePlan => ({
      path: localPath(directory),
      ...localRotation(options, "cache-"),
      compress: flag(options, "cache-compress", false),
      holds: options["mode"] !== "non-blocking",
      shown: false,
    }),
    read: async (request) => {
      if (flag(request.options, "cache-disabled", false)) throw noReading();
      return readLog(request);
    },
    check: () => parts.check?.(),
    attributes(source) {
      tagOf(source, "{{.ID}}"); // a bad one is told at the start, not at the first entry
      return shownAttributes(source);
    },
    open: parts.open,
  };
}

const drivers: LogDriver[] = [
  jsonFile,
  local,
  none,
  remote({ name: "syslog", options: SYSLOG_OPTIONS, validate: validateSyslog, open: openSyslog }),
  remote({ name: "journald", options: [], validate: nothing, check: checkJournald, open: openJournald }),
  remote({ name: "fluentd", options: FLUENTD_OPTIONS, validate: validateFluentd, open: openFluentd }),
  remote({ name: "gelf", options: GELF_OPTIONS, checkFirst: checkGelfAddress, validate: validateGelf, open: openGelf }),
  remote({ name: "otlp", options: OTLP_OPTIONS, validate: validateOtlp, open: openOtlp }),
];

/** The log drivers of this engine by name. */
export const LOG_DRIVERS: ReadonlyMap<string, LogDriver> = new Map(drivers.map((driver) => [driver.name, driver]));
