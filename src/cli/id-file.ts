import { open, rm, type FileHandle } from "node:fs/promises";
import { CreateError, messageOf } from "./errors.ts";

const FAULTS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
};

/**
 * The file of `--cidfile`: made before the container, so that no container is without its file, and taken away again
 * when there came no container.
 */
export class IdFile {
  readonly #path: string;
  readonly #file: FileHandle;
  #isWritten = false;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws CreateError with Docker's texts when the file is there, or cannot be made. */
  static async create(path: string): Promise<IdFile> {
    const file = await open(path, "wx", 0o644).catch((error: unknown) => {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EEXIST")
        throw new CreateError(`container ID file found, make sure the other container isn't running or delete ${path}`);
      const why = FAULTS[String(code)] ?? messageOf(error);
      throw new CreateError(`failed to create the container ID file: open ${path}: ${why}`);
    });
    return new IdFile(path, file);
  }

  async write(id: string): Promise<void> {
    await this.#file.writeFile(id);
    this.#isWritten = true;
  }

  /** Lets go of the file, and takes it away when no id was written. */
  async close(): Promise<void> {
    await this.#file.close();
    if (!this.#isWritten) await rm(this.#path, { force: true });
  }
}
