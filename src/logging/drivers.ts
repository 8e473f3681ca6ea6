import { join } from "node:path";
import { cannotStart, noCompression, noReading } from "./errors.ts";
import { checkOptions, parseSize } from "./options.ts";
import { readLog } from "./read.ts";
import type { LogDriver, LogFilePlan } from "./types.ts";

const JSON_OPTIONS = new Set(["max-size", "max-file", "compress", "env", "env-regex", "labels", "labels-regex", "tag"]);

/** Docker lets a log grow until the disk is full; `max-size=-1` does so here. */
const DEFAULT_ROTATION = { maxSize: 100 * 2 ** 20, maxFiles: 5 };

const jsonFile: LogDriver = {
  name: "json-file",
  validate(options) {
    checkOptions("json-file", options, JSON_OPTIONS);
    if (options["compress"] === "true") throw noCompression();
  },
  file(options, directory, containerId): LogFilePlan {
    const path = join(directory, `${containerId}-json.log`);
    const text = options["max-size"];
    if (text === undefined && options["max-file"] === undefined) return { path, ...DEFAULT_ROTATION };
    const maxSize = text === undefined || text === "-1" ? 0 : parseSize(text);
    if (maxSize === undefined) throw cannotStart(`invalid size: '${text}'`);
    const maxFiles = Number(options["max-file"] ?? "1");
    if (!Number.isInteger(maxFiles))
      throw cannotStart(`strconv.Atoi: parsing "${options["max-file"]}": invalid syntax`);
    if (maxFiles < 1) throw cannotStart("max-file cannot be less than 1");
    if (maxFiles > 1 && maxSize === 0) throw cannotStart("max-size must be set when max-file is more than 1");
    return { path, maxSize, maxFiles };
  },
  async read(request) {
    return readLog(request);
  },
};

const none: LogDriver = {
  name: "none",
  validate: () => undefined,
  file: () => undefined,
  read: () => Promise.reject(noReading()),
};

/** The log drivers of this engine by name. */
export const LOG_DRIVERS: ReadonlyMap<string, LogDriver> = new Map(
  [jsonFile, none].map((driver) => [driver.name, driver]),
);
