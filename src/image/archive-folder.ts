import { constants } from "node:fs";
import { open, realpath, type FileHandle } from "node:fs/promises";
import { join, normalize } from "node:path";
import { errnoOf, type Digest } from "../base/index.ts";
import { MAX_DOCUMENT } from "./config.ts";
import { documentTooLarge, memberOutside, noSuchMember, notARegularFile } from "./errors.ts";

/** An unpacked image archive. Names come from the archive itself: none may lead out of the folder. */
export class ArchiveFolder {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** The member's real path. @throws invalid when there is none, it is no file, or it is outside. */
  async file(name: string): Promise<string> {
    const found = await this.find(name);
    if (found === undefined) throw noSuchMember(name);
    return found;
  }

  /** As `file`, but undefined when there is none. */
  async find(name: string): Promise<string | undefined> {
    if (name === "" || name.includes("\0") || normalize(`/${name}`) === "/") throw memberOutside(name);
    if (normalize(name).startsWith("..")) throw memberOutside(name);
    const root = await realpath(this.#root);
    const path = await this.#resolve(join(root, name));
    if (path === undefined) return undefined;
    // Old archives link equal layers to one another; nobody else writes here, so that the check holds.
    if (!path.startsWith(`${root}/`)) throw memberOutside(name);
    return path;
  }

  /** A small member, whole. @throws invalid when it is larger than documents may be. */
  async read(name: string): Promise<Uint8Array> {
    const bytes = await this.readIfThere(name);
    if (bytes === undefined) throw noSuchMember(name);
    return bytes;
  }

  async readIfThere(name: string): Promise<Uint8Array | undefined> {
    const path = await this.find(name);
    if (path === undefined) return undefined;
    await using file = await openRegular(path, name);
    if ((await file.stat()).size > MAX_DOCUMENT) throw documentTooLarge(name, MAX_DOCUMENT);
    return await file.readFile();
  }

  /** Checks that a layer's member is a file that can be read. */
  async layerFile(name: string): Promise<string> {
    const path = await this.file(name);
    await using _file = await openRegular(path, name);
    return path;
  }

  async #resolve(path: string): Promise<string | undefined> {
    try {
      return await realpath(path);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "ELOOP") return undefined;
      throw error;
    }
  }
}

/** `blobs/sha256/<hex>` of an OCI layout. */
export function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

async function openRegular(path: string, name: string): Promise<FileHandle> {
  // O_NONBLOCK: a named pipe in the archive must not hold us up.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw notARegularFile(name);
}
