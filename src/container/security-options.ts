import { unknown } from "../base/index.ts";

export interface SecurityOptions {
  noNewPrivileges: boolean | undefined;
  /** `unconfined`, `builtin`, or a profile's JSON text; undefined: the daemon's default. */
  seccomp: string | undefined;
  apparmor: string | undefined;
  /** SELinux. */
  labels: string[];
  writableCgroups: boolean | undefined;
}

/** `--security-opt` as the API gives it. @throws unknown (500, as Docker) `invalid --security-opt 1|2: "x"`. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  const parsed: SecurityOptions = {
    noNewPrivileges: undefined,
    seccomp: undefined,
    apparmor: undefined,
    labels: [],
    writableCgroups: undefined,
  };
  for (const option of options) {
    if (option === "no-new-privileges") {
      parsed.noNewPrivileges = true;
      continue;
    }
    if (option === "disable") {
      parsed.labels.push(option);
      continue;
    }
    const [, key, value = ""] = /^([^=:]*)[=:](.*)$/s.exec(option) ?? [];
    if (key === undefined) throw unknown(`invalid --security-opt 1: "${option}"`);
    const bad = unknown(`invalid --security-opt 2: "${option}"`);
    switch (key) {
      case "label":
        parsed.labels.push(value);
        break;
      case "apparmor":
        parsed.apparmor = value;
        break;
      case "seccomp":
        // Nothing says that nothing else is asked for.
        parsed.seccomp = value || undefined;
        break;
      case "no-new-privileges":
        parsed.noNewPrivileges = parseBoolean(value, bad);
        break;
      case "writable-cgroups":
        parsed.writableCgroups = parseBoolean(value, bad);
        break;
      default:
        throw bad;
    }
  }
  return parsed;
}

/** As Go's strconv.ParseBool. */
function parseBoolean(text: string, bad: Error): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw bad;
}
