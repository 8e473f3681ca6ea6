import { emptyEntry, formatHeader, paddingOf, type TarEntry, TarReader, TRAILER } from "../archive/index.ts";
import type { Context as StoredContext, ContextTls } from "../client/index.ts";
import { CliError, messageOf } from "./errors.ts";
import { isZip, readZip } from "./zip.ts";

/** The tar archives in which contexts travel: `meta.json`, and TLS files as `tls/ENDPOINT/FILE`. */

const META = "meta.json";
const TLS = "tls/";
/** Of all content that an archive holds. */
export const MAX_CONTENT = 10 << 20;

export interface ContextArchive {
  Metadata: StoredContext["Metadata"];
  Endpoints: StoredContext["Endpoints"];
  tls: ContextTls;
}

/** A context as an archive. */
export function packContext(context: StoredContext, tls: ContextTls): Uint8Array {
  const parts: Uint8Array[] = [];
  const add = (name: string, mode: number, content?: Uint8Array) => {
    const entry = emptyEntry(content === undefined ? "directory" : "file", name);
    parts.push(formatHeader({ ...entry, mode, size: content?.length ?? 0 }));
    if (content === undefined) return;
    parts.push(content, new Uint8Array(paddingOf(content.length)));
  };
  add(META, 0o644, Buffer.from(JSON.stringify(context)));
  add("tls", 0o700);
  for (const [endpoint, files] of Object.entries(tls)) {
    add(`${TLS}${endpoint}`, 0o700);
    for (const [file, content] of Object.entries(files)) add(`${TLS}${endpoint}/${file}`, 0o600, content);
  }
  return Buffer.concat([...parts, TRAILER]);
}

/**
 * Reads an archive that `packContext` or Docker made, also as a zip. Nothing of it is trusted.
 * @throws CliError with Docker's texts.
 */
export function unpackContext(bytes: Buffer): ContextArchive {
  let meta: { Metadata: ContextArchive["Metadata"]; Endpoints: ContextArchive["Endpoints"] } | undefined;
  const tls: Record<string, Record<string, Uint8Array>> = {};
  let left = MAX_CONTENT;
  for (const [name, content] of isZip(bytes) ? readZip(bytes, MAX_CONTENT) : readTar(bytes)) {
    checkPath(name);
    left -= content.length;
    if (left < 0) throw new CliError("read exceeds the defined limit");
    if (name === META) meta = readMeta(content);
    else {
      const [endpoint, file, ...more] = name.slice(TLS.length).split("/");
      if (endpoint === undefined || file === undefined || more.length > 0)
        throw new CliError("archive format is invalid");
      tls[endpoint] = { ...tls[endpoint], [file]: content };
    }
  }
  if (meta === undefined) throw new CliError("invalid context: no metadata found");
  return { ...meta, tls };
}

function checkPath(name: string): void {
  if (name !== META && !name.startsWith(TLS)) throw new CliError(`${name}: unexpected context file`);
  const parts = name.split("/");
  if (parts.includes("") || parts.includes(".") || parts.includes(".."))
    throw new CliError(`${name}: unexpected path format`);
  if (/[\\\0]/.test(name)) throw new CliError(`${name}: unexpected '\\' in path`);
}

function readMeta(content: Uint8Array): Pick<ContextArchive, "Metadata" | "Endpoints"> {
  const text = new TextDecoder().decode(content);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new CliError(`parsing ${META}: ${messageOf(error)}`);
  }
  if (!isRecord(parsed)) throw new CliError(`parsing ${META}: no context`);
  const { Metadata, Endpoints } = parsed;
  const endpoints: ContextArchive["Endpoints"] = {};
  for (const [name, endpoint] of Object.entries(isRecord(Endpoints) ? Endpoints : {}))
    if (isRecord(endpoint)) endpoints[name] = endpoint;
  return { Metadata: isRecord(Metadata) ? Metadata : {}, Endpoints: endpoints };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The files of a tar. */
function readTar(bytes: Buffer): [name: string, content: Uint8Array][] {
  const files: [string, Uint8Array][] = [];
  let current: { entry: TarEntry; parts: Buffer[] } | undefined;
  const reader = new TarReader({
    entry: (entry) => {
      current = { entry, parts: [] };
    },
    data: (chunk) => void current?.parts.push(chunk),
    entryEnd: () => {
      if (current === undefined) return;
      const name = Buffer.from(current.entry.name, "latin1").toString();
      if (current.entry.type === "file") files.push([name, Buffer.concat(current.parts)]);
      else if (current.entry.type !== "directory") throw new CliError(`${name}: unexpected context file`);
      current = undefined;
    },
  });
  reader.push(bytes);
  reader.finish();
  return files;
}
