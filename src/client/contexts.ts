import { syntaxFault } from "./config-file.ts";
import { ClientError } from "./errors.ts";
import { readStoredFile, readTextFile, type TlsOptions } from "./native.ts";

/** A stored context (`contexts/meta/<sha256 of the name>/meta.json`). */
export interface Context {
  Name: string;
  Metadata: { Description?: string } & Record<string, unknown>;
  Endpoints: Record<string, { Host?: string; SkipTLSVerify?: boolean }>;
}

/** TLS material of a context: endpoint → file name → content. */
export type ContextTls = Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/;

/** @throws ClientError unless `name` can name a context. */
export function checkContextName(name: string): void {
  if (name === "") throw new ClientError("context name cannot be empty");
  if (name === "default") throw new ClientError('"default" is a reserved context name');
  if (!NAME.test(name)) {
    throw new ClientError(
      `context name "${name}" is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`,
    );
  }
}

export async function contextDirectories(config: string, name: string): Promise<{ meta: string; tls: string }> {
  const { createHash } = await import("node:crypto");
  const id = createHash("sha256").update(name).digest("hex");
  return { meta: `${config}/contexts/meta/${id}`, tls: `${config}/contexts/tls/${id}` };
}

/** @throws ClientError when there is none of that name. */
export async function readContext(config: string, name: string): Promise<Context> {
  const path = await metaFile(config, name);
  const text = await readStoredFile(path);
  if (text === undefined) {
    throw new ClientError(`context "${name}": context not found: open ${path}: no such file or directory`);
  }
  return await parseContext(text, path).catch((error: unknown) => {
    throw new ClientError(`context "${name}": ${error instanceof Error ? error.message : ""}`, { cause: error });
  });
}

/** @throws ClientError unless `name` can name a context that is still to be made. One that cannot be read is there, too. */
export async function checkNewContext(config: string, name: string): Promise<void> {
  checkContextName(name);
  if ((await readStoredFile(await metaFile(config, name))) !== undefined)
    throw new ClientError(`context "${name}" already exists`);
}

async function metaFile(config: string, name: string): Promise<string> {
  return `${(await contextDirectories(config, name)).meta}/meta.json`;
}

/** All stored contexts by name. */
export async function listContexts(config: string): Promise<Context[]> {
  const { readdir } = await import("node:fs/promises");
  const ids = await readdir(`${config}/contexts/meta`).catch(() => []);
  const found: Context[] = [];
  for (const id of ids) {
    const path = `${config}/contexts/meta/${id}/meta.json`;
    const text = await readStoredFile(path);
    if (text === undefined) continue;
    found.push(
      await parseContext(text, path).catch((error: unknown) => {
        throw new ClientError(`failed to read metadata: ${error instanceof Error ? error.message : ""}`, {
          cause: error,
        });
      }),
    );
  }
  return found.sort((left, right) => (left.Name < right.Name ? -1 : 1));
}

/** Writes a context. The TLS files of the endpoints that `tls` names are replaced, those of others stay. */
export async function writeContext(config: string, context: Context, tls: ContextTls): Promise<void> {
  const { mkdir, rm } = await import("node:fs/promises");
  const { writeFileAtomic } = await import("../base/index.ts");
  const directories = await contextDirectories(config, context.Name);
  await mkdir(directories.meta, { recursive: true, mode: 0o755 });
  await writeFileAtomic(`${directories.meta}/meta.json`, JSON.stringify(context), { mode: 0o644 });
  for (const [endpoint, files] of Object.entries(tls)) {
    const folder = `${directories.tls}/${endpoint}`;
    await rm(folder, { recursive: true, force: true });
    if (Object.keys(files).length > 0) await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [name, content] of Object.entries(files))
      await writeFileAtomic(`${folder}/${name}`, content, { mode: 0o600 });
  }
}

/** The TLS files that are stored with a context. */
export async function readContextTls(config: string, name: string): Promise<ContextTls> {
  const { readdir, readFile } = await import("node:fs/promises");
  const { tls } = await contextDirectories(config, name);
  const found: Record<string, Record<string, Uint8Array>> = {};
  for (const endpoint of (await readdir(tls).catch(() => [])).toSorted(byName)) {
    const files: Record<string, Uint8Array> = {};
    for (const file of (await readdir(`${tls}/${endpoint}`)).toSorted(byName))
      files[file] = await readFile(`${tls}/${endpoint}/${file}`);
    found[endpoint] = files;
  }
  return found;
}

function byName(left: string, right: string): number {
  return left < right ? -1 : 1;
}

export async function removeContext(config: string, name: string): Promise<void> {
  const { rm } = await import("node:fs/promises");
  const directories = await contextDirectories(config, name);
  await rm(directories.meta, { recursive: true, force: true });
  await rm(directories.tls, { recursive: true, force: true });
}

/** The TLS material stored with a context; undefined when it has none and verifies as usual. */
export async function contextTls(
  config: string,
  context: Context,
): Promise<Omit<TlsOptions, "serverName"> | undefined> {
  const { tls } = await contextDirectories(config, context.Name);
  const [ca, cert, key] = await Promise.all(
    ["ca", "cert", "key"].map((name) => readTextFile(`${tls}/docker/${name}.pem`)),
  );
  const skip = context.Endpoints["docker"]?.SkipTLSVerify === true;
  return ca === undefined && cert === undefined && !skip ? undefined : { ca, cert, key, verify: !skip };
}

async function parseContext(text: string, path: string): Promise<Context> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new ClientError(`parsing ${path}: ${await syntaxFault(text)}`, { cause });
  }
  if (typeof parsed === "object" && parsed !== null && "Name" in parsed && typeof parsed.Name === "string") {
    const { Metadata, Endpoints } = parsed as Partial<Context>; // a file that people edit: both may be missing
    return { Name: parsed.Name, Metadata: Metadata ?? {}, Endpoints: Endpoints ?? {} };
  }
  throw new ClientError(`parsing ${path}: no context`);
}
