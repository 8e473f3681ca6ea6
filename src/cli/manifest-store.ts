import type { Descriptor } from "../spec/index.ts";
import { readTextFile } from "../client/index.ts";
import { CliError, messageOf } from "./errors.ts";
import { canonicalReference, type ImageName } from "./image-name.ts";

/** A manifest of an image as `manifest` commands show and keep it; the form is that of Docker's command. */
export interface ManifestRecord {
  Ref: string;
  Descriptor: Descriptor;
  /** base64 of the manifest's bytes. */
  Raw?: string;
  /** The manifest, under the name of its kind. */
  SchemaV2Manifest?: unknown;
  OCIManifest?: unknown;
}

/**
 * Manifest lists in the making: a folder for each in the configuration's folder, a file for each of its manifests.
 * Docker's command keeps them in the same way, so that a list can be begun with one and pushed with the other.
 */
export class ManifestStore {
  readonly #folder: string;

  constructor(configDirectory: string) {
    this.#folder = `${configDirectory}/manifests`;
  }

  /** @returns undefined when the list or the manifest is not there. @throws CliError for a damaged file. */
  async get(list: ImageName, image: ImageName): Promise<ManifestRecord | undefined> {
    return await read(`${this.#place(list)}/${fileName(image)}`);
  }

  /** All manifests of a list, in the order of their names; undefined when there is no such list. */
  async list(name: ImageName): Promise<ManifestRecord[] | undefined> {
    const { readdir } = await import("node:fs/promises");
    const folder = this.#place(name);
    const files = await readdir(folder).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw new CliError(messageOf(error));
    });
    if (files === undefined) return undefined;
    const records: ManifestRecord[] = [];
    for (const file of files.sort()) {
      const record = await read(`${folder}/${file}`);
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  async save(list: ImageName, image: ImageName, record: ManifestRecord): Promise<void> {
    const { mkdir } = await import("node:fs/promises");
    const { writeFileAtomic } = await import("../base/index.ts");
    const folder = this.#place(list);
    await mkdir(folder, { recursive: true });
    await writeFileAtomic(`${folder}/${fileName(image)}`, JSON.stringify(record), { mode: 0o644 });
  }

  async remove(list: ImageName): Promise<void> {
    const { rm } = await import("node:fs/promises");
    await rm(this.#place(list), { recursive: true, force: true });
  }

  #place(list: ImageName): string {
    return `${this.#folder}/${fileName(list)}`;
  }
}

export function noSuchManifest(name: ImageName): CliError {
  return new CliError(`No such manifest: ${canonicalReference(name)}`);
}

function fileName(name: ImageName): string {
  return canonicalReference(name).replaceAll(":", "-").replaceAll("/", "_");
}

async function read(path: string): Promise<ManifestRecord | undefined> {
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isManifestRecord(value)) return value;
  } catch (error) {
    throw new CliError(`invalid manifest file ${path}: ${messageOf(error)}`);
  }
  throw new CliError(`invalid manifest file ${path}: it describes no manifest`);
}

function isManifestRecord(value: unknown): value is ManifestRecord {
  if (typeof value !== "object" || value === null || !("Ref" in value) || !("Descriptor" in value)) return false;
  const { Ref, Descriptor: descriptor } = value;
  if (typeof Ref !== "string" || typeof descriptor !== "object" || descriptor === null) return false;
  return (
    "digest" in descriptor &&
    typeof descriptor.digest === "string" &&
    !("Raw" in value && typeof value.Raw !== "string")
  );
}
