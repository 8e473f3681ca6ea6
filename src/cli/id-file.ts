import { open, rm, type FileHandle } from "node:fs/promises";
import { CliError, messageOf } from "./errors.ts";

/**
 * The file of `--cidfile`: made before the container, so that no container is without its file, and taken away again
 * when there came no container.
 */
export class IdFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  #isWritten = false;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws CliError with Docker's texts when the file is there, or cannot be made. */
  static async create(path: string): Promise<IdFile> {
    const file = await open(path, "wx", 0o644).catch((error: unknown) => {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EEXIST")
        throw new CliError(`container ID file found, make sure the other container isn't running or delete ${path}`);
      const why = code === "ENOENT" ? "no such file or directory" : messageOf(error);
      throw new CliError(`failed to create the container ID file: open ${path}: ${why}`);
    });
    return new IdFile(path, file);
  }

  async write(id: string): Promise<void> {
    await this.#file.writeFile(id);
    this.#isWritten = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    if (!this.#isWritten) await rm(this.#path, { force: true });
  }
}
