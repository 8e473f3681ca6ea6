import { checkConfig, isObject } from "./config-members.ts";
import { ClientError } from "./errors.ts";
import { readStoredFile } from "./native.ts";

/** `config.json` of Docker's configuration folder, as far as it is read here; other keys are kept when it is written. */
export interface ConfigFile {
  auths?: Record<string, StoredAuth>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  currentContext?: string;
  HttpHeaders?: Record<string, string>;
  detachKeys?: string;
  psFormat?: string;
  imagesFormat?: string;
  networksFormat?: string;
  volumesFormat?: string;
  statsFormat?: string;
  /** Conditions that every prune adds to its own: `label=x`, `label!=y`. */
  pruneFilters?: string[];
  /** Folders of plugins that come before the usual ones. */
  cliPluginsExtraDirs?: string[];
  /** By the address of the engine, or `default`. */
  proxies?: Record<string, ProxyConfig>;
}

/** Proxies that programs in containers are to use. */
export interface ProxyConfig {
  httpProxy?: string;
  httpsProxy?: string;
  noProxy?: string;
  ftpProxy?: string;
  allProxy?: string;
}

export interface StoredAuth {
  /** base64 of `user:password`. */
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** The folder: `--config`, else `DOCKER_CONFIG`, else `~/.docker`. */
export function configDirectory(given: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  if (given !== undefined && given !== "") return given;
  return env["DOCKER_CONFIG"] || `${env["HOME"] || "/root"}/.docker`;
}

/** What the file said, and what could not be taken from it, in the words of Go's decoder. */
export interface StoredConfig {
  config: ConfigFile;
  fault: string | undefined;
}

/** Reads it; a missing file is an empty configuration. Members of a wrong type are left out, as Docker's command does. */
export async function readConfigFile(directory: string): Promise<StoredConfig> {
  const path = `${directory}/config.json`;
  const [text, unread] = await readStoredFile(path).then(
    (found) => [found ?? "", undefined] as const,
    (error: unknown) => ["", error] as const,
  );
  const fault = (what: string) => `Error parsing config file (${path}): ${what}`;
  if (unread !== undefined) return { config: {}, fault: fault(unreadable(path, unread)) };
  if (text.trim() === "") return { config: {}, fault: undefined };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { config: {}, fault: fault(await syntaxFault(text)) };
  }
  const { config, problem } = checkConfig(parsed);
  return { config, fault: problem === undefined ? undefined : fault(problem) };
}

function unreadable(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EISDIR") return `read ${path}: is a directory`;
  return error instanceof Error ? error.message : String(error);
}

/** What Go's decoder says of a text that is no JSON. */
export async function syntaxFault(text: string): Promise<string> {
  const { parseJson } = await import("../api/index.ts");
  try {
    parseJson(text);
    return "invalid JSON";
  } catch (error) {
    return (error instanceof Error ? error.message : "").replace(/^invalid JSON: /, "");
  }
}

/**
 * Changes the file: what `change` gives replaces the whole; readable by its owner only, since it may hold passwords.
 * @throws ClientError when there is a file that is no JSON object: it may hold passwords that somebody can still rescue.
 */
export async function updateConfigFile(directory: string, change: (config: ConfigFile) => ConfigFile): Promise<void> {
  const { mkdir } = await import("node:fs/promises");
  const { writeFileAtomic } = await import("../base/index.ts");
  const config = change(await configToChange(`${directory}/config.json`));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFileAtomic(`${directory}/config.json`, JSON.stringify(config, undefined, "\t"), { mode: 0o600 });
}

/** The whole file, so that what is not understood here stays in it. */
async function configToChange(path: string): Promise<ConfigFile> {
  const text = (await readStoredFile(path)) ?? "";
  if (text.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (isObject(parsed)) return parsed;
  } catch (cause) {
    throw new ClientError(`${path} is left as it is, since it cannot be read: ${await syntaxFault(text)}`, { cause });
  }
  throw new ClientError(`${path} is left as it is, since it is no JSON object`);
}
