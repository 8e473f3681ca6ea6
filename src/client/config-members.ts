import type { ConfigFile } from "./config-file.ts";

type Shape =
  | "string"
  | "strings"
  | { mapOf: Shape; go: string }
  /** `go` is the type, which errors name; members that it does not list may be anything. */
  | { go: string; members: Readonly<Record<string, "string">> };

const TEXTS: Shape = { mapOf: "string", go: "map[string]string" };

/** What each member is to be, with the names of Go's types, which errors tell. */
const SHAPES: Readonly<Record<keyof ConfigFile, Shape>> = {
  auths: {
    go: "map[string]types.AuthConfig",
    mapOf: {
      go: "types.AuthConfig",
      members: {
        auth: "string",
        username: "string",
        password: "string",
        identitytoken: "string",
        registrytoken: "string",
      },
    },
  },
  credsStore: "string",
  credHelpers: TEXTS,
  currentContext: "string",
  HttpHeaders: TEXTS,
  detachKeys: "string",
  psFormat: "string",
  imagesFormat: "string",
  networksFormat: "string",
  volumesFormat: "string",
  statsFormat: "string",
  pruneFilters: "strings",
  cliPluginsExtraDirs: "strings",
  proxies: {
    go: "map[string]configfile.ProxyConfig",
    mapOf: {
      go: "configfile.ProxyConfig",
      members: { httpProxy: "string", httpsProxy: "string", noProxy: "string", ftpProxy: "string", allProxy: "string" },
    },
  },
};

/** What can be taken of the file, and the first thing that could not, as Go's decoder tells it. */
export function checkConfig(parsed: unknown): { config: ConfigFile; problem: string | undefined } {
  if (parsed === null) return { config: {}, problem: undefined };
  if (!isObject(parsed)) return { config: {}, problem: mismatch(parsed, "Go value", "configfile.ConfigFile") };
  const config: Record<string, unknown> = { ...parsed };
  let problem: string | undefined;
  for (const [name, shape] of Object.entries(SHAPES)) {
    const fault = faultOf(config[name], shape, "ConfigFile", name);
    if (fault !== undefined) delete config[name];
    problem ??= fault;
  }
  const checked: ConfigFile = config; // each member is of its shape, or absent
  return { config: checked, problem: problem ?? authFault(checked) };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function faultOf(value: unknown, shape: Shape, struct: string, path: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  const wrong = (go: string) => mismatch(value, `Go struct field ${struct}.${path}`, go);
  if (shape === "string") return typeof value === "string" ? undefined : wrong("string");
  if (shape === "strings") {
    if (!Array.isArray(value)) return wrong("[]string");
    return firstFault(value, (each) => faultOf(each, "string", struct, path));
  }
  if (!isObject(value)) return wrong(shape.go);
  if ("mapOf" in shape) return firstFault(Object.values(value), (each) => faultOf(each, shape.mapOf, struct, path));
  const inner = shape.go.replace(/^.*\./, "");
  return firstFault(Object.entries(shape.members), ([name, of]) => faultOf(value[name], of, inner, `${path}.${name}`));
}

function firstFault<T>(values: readonly T[], fault: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const found = fault(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function mismatch(value: unknown, what: string, go: string): string {
  const kind = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return `json: cannot unmarshal ${kind} into ${what} of type ${go}`;
}

/** Stored credentials are `base64(user:password)`. */
function authFault({ auths = {} }: ConfigFile): string | undefined {
  return firstFault(Object.values(auths ?? {}), (stored) => {
    const auth = stored?.auth ?? "";
    if (auth === "") return undefined;
    const end = auth.replace(/={1,2}$/, "").search(/[^A-Za-z0-9+/]/);
    if (end !== -1) return `illegal base64 data at input byte ${end}`;
    if (auth.length % 4 !== 0) return `illegal base64 data at input byte ${auth.length - (auth.length % 4)}`;
    return Buffer.from(auth, "base64").indexOf(":") > 0 ? undefined : "Invalid auth configuration file";
  });
}
