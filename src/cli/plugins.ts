import { type ConfigFile, configDirectory, readConfigFile, syntaxFault } from "../client/index.ts";
import { messageOf } from "./errors.ts";
import { groups, topLevel } from "./table.ts";

/**
 * Commands that others add: programs `docker-NAME` in folders of Docker's, which say what they are when called with
 * `docker-cli-plugin-metadata`. The folders are read only when a command is unknown, and for help and `info`.
 */
export interface Plugin {
  name: string;
  path: string;
  metadata: Metadata;
  /** Why it is none. */
  fault: string | undefined;
  /** Others of that name, in folders further behind. */
  shadowed: readonly string[];
}

export interface Metadata {
  SchemaVersion?: string;
  Vendor?: string;
  Version?: string;
  ShortDescription?: string;
  URL?: string;
  Hidden?: boolean;
}

const PREFIX = "docker-";
const NAME = /^[a-z][a-z0-9]*$/;

const SYSTEM_FOLDERS = ["/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"].map(
  (folder) => `${folder}/docker/cli-plugins`,
);

/** Where plugins are, those that win first. */
export function pluginFolders(directory: string, config: ConfigFile): string[] {
  return [...(config.cliPluginsExtraDirs ?? []), `${directory}/cli-plugins`, ...SYSTEM_FOLDERS];
}

/** All plugins, also those that cannot be used, by name. */
export async function listPlugins(folders: readonly string[]): Promise<Plugin[]> {
  const paths = new Map<string, string[]>();
  for (const found of await Promise.all(folders.map(candidates))) {
    for (const path of found) {
      const name = nameOf(path);
      paths.set(name, [...(paths.get(name) ?? []), path]);
    }
  }
  const plugins = await Promise.all(
    Array.from(paths.values(), async ([path = "", ...shadowed]) => ({ ...(await examine(path)), shadowed })),
  );
  return plugins.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** The plugin of a name; undefined when the first of the folders that has one has one that cannot be used. */
export async function findPlugin(folders: readonly string[], name: string): Promise<Plugin | undefined> {
  if (!NAME.test(name)) return undefined;
  const { stat } = await import("node:fs/promises");
  for (const folder of folders) {
    const path = `${folder}/${PREFIX}${name}`;
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    const plugin = await examine(path);
    return plugin.fault === undefined ? plugin : undefined;
  }
  return undefined;
}

/** The folders of a command line that names no command: there is no context yet. */
export async function foldersOf(
  config: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string[]> {
  const directory = configDirectory(config, env);
  return pluginFolders(directory, (await readConfigFile(directory)).config);
}

async function candidates(folder: string): Promise<string[]> {
  const { readdir, stat } = await import("node:fs/promises");
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = `${folder}/${entry.name}`;
      if (!entry.name.startsWith(PREFIX)) return [];
      const isLink = entry.isSymbolicLink() && (await stat(path).catch(() => undefined)) !== undefined;
      return entry.isFile() || isLink ? [path] : [];
    }),
  );
  return found.flat();
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1 + PREFIX.length);
}

async function examine(path: string): Promise<Plugin> {
  const name = nameOf(path);
  const plugin = (metadata: Metadata, fault: string | undefined) => ({ name, path, metadata, fault, shadowed: [] });
  if (!NAME.test(name)) return plugin({}, `plugin candidate ${JSON.stringify(name)} did not match "${NAME.source}"`);
  if ([...groups, ...topLevel()].some((each) => each.name === name)) {
    return plugin({}, `plugin ${JSON.stringify(name)} duplicates builtin command`);
  }
  let text: string;
  try {
    text = await ask(path);
  } catch (error) {
    return plugin({}, `failed to fetch metadata: ${runFault(path, error)}`);
  }
  const { metadata, fault } = await readMetadata(text);
  return plugin(metadata, fault);
}

/** What a plugin says of itself. @throws Error when it cannot be run, or fails. */
async function ask(path: string): Promise<string> {
  const { execFile } = await import("node:child_process");
  return await new Promise((resolve, reject) => {
    execFile(path, ["docker-cli-plugin-metadata"], (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}

const ERRNO_TEXTS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  ENOENT: "no such file or directory",
  ENOEXEC: "exec format error",
};

/** How Go tells that a program could not be run, or failed. */
function runFault(path: string, error: unknown): string {
  const { code, signal } = Object(error) as { code?: unknown; signal?: unknown }; // both may be missing
  if (typeof code === "number") return `exit status ${code}`;
  if (typeof signal === "string") return `signal: ${signal}`;
  return `fork/exec ${path}: ${ERRNO_TEXTS[String(code)] ?? messageOf(error)}`;
}

const TEXTS = ["SchemaVersion", "Vendor", "Version", "ShortDescription", "URL"] as const;

async function readMetadata(text: string): Promise<{ metadata: Metadata; fault: string | undefined }> {
  const invalid = (what: string) => ({ metadata: {}, fault: `invalid metadata: ${what}` });
  let given: Readonly<Record<string, unknown>>;
  try {
    given = (JSON.parse(text) ?? {}) as typeof given; // its members are looked at one by one
  } catch {
    return invalid(await syntaxFault(text));
  }
  const metadata: Metadata = {};
  let fault: string | undefined;
  for (const name of TEXTS) {
    const value = given[name];
    if (typeof value === "string") metadata[name] = value;
    else if (value !== undefined && value !== null) {
      fault ??= `json: cannot unmarshal ${typeof value} into Go struct field Metadata.${name} of type string`;
    }
  }
  if (given["Hidden"] === true) metadata.Hidden = true;
  if (fault !== undefined) return { metadata, fault: `invalid metadata: ${fault}` };
  const { SchemaVersion: version = "", Vendor: vendor = "" } = metadata;
  if (version !== "0.1.0") {
    return { metadata, fault: `plugin SchemaVersion ${JSON.stringify(version)} is not valid, must be 0.1.0` };
  }
  return { metadata, fault: vendor === "" ? "plugin metadata does not define a vendor" : undefined };
}
