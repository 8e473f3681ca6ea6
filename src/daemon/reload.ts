import { isDeepStrictEqual } from "node:util";
import { OPTIONS, type DaemonConfig, type OptionName } from "./options.ts";

const NAMES = Object.keys(OPTIONS) as OptionName[]; // the table's own keys

/** What SIGHUP makes of the configuration: only some options can change while the daemon runs. */
export interface Reloaded {
  config: DaemonConfig;
  /** Options that were changed and keep their old value until the next start. */
  needRestart: OptionName[];
}

/** The running configuration with what may change taken from the one that was just read. */
export function reloadConfig(running: DaemonConfig, read: DaemonConfig): Reloaded {
  const changed = NAMES.filter((name) => !isDeepStrictEqual(running[name], read[name]));
  const taken = changed.filter((name) => OPTIONS[name].reload === true);
  const config = { ...running, ...Object.fromEntries(taken.map((name) => [name, read[name]])) };
  return { config, needRestart: changed.filter((name) => OPTIONS[name].reload !== true) };
}

/** Attributes of the event `daemon reload`: every option that can change, by its key in daemon.json. */
export function reloadAttributes(config: DaemonConfig): Record<string, string> {
  const rows = NAMES.filter((name) => OPTIONS[name].reload === true).map((name): [string, string] => {
    const value = config[name];
    return [OPTIONS[name].key ?? name, typeof value === "object" ? JSON.stringify(value) : String(value)];
  });
  return Object.fromEntries(rows);
}
