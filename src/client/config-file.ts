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
  proxies?: Record<
    string,
    { httpProxy?: string; httpsProxy?: string; noProxy?: string; ftpProxy?: string; allProxy?: string }
  >;
}

export interface StoredAuth {
  /** base64 of `user:password`. */
  auth?: string;
  identitytoken?: string;
}

/** The folder: `--config`, else `DOCKER_CONFIG`, else `~/.docker`. */
export function configDirectory(given: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  if (given !== undefined && given !== "") return given;
  return env["DOCKER_CONFIG"] || `${env["HOME"] || "/root"}/.docker`;
}

/** Reads it; a missing file is an empty configuration. @throws ClientError when it is no JSON object. */
export async function readConfigFile(directory: string): Promise<ConfigFile> {
  const path = `${directory}/config.json`;
  const text = await readStoredFile(path);
  if (text === undefined || text.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch (cause) {
    throw new ClientError(
      `WARNING: Error loading config file: ${path}: ${cause instanceof Error ? cause.message : ""}`,
      { cause },
    );
  }
  throw new ClientError(`WARNING: Error loading config file: ${path}: not a JSON object`);
}

/** Changes the file: what `change` gives replaces the whole; readable by its owner only, since it may hold passwords. */
export async function updateConfigFile(directory: string, change: (config: ConfigFile) => ConfigFile): Promise<void> {
  const { mkdir } = await import("node:fs/promises");
  const { writeFileAtomic } = await import("../base/index.ts");
  const config = change(await readConfigFile(directory));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFileAtomic(`${directory}/config.json`, JSON.stringify(config, undefined, "\t"), { mode: 0o600 });
}
