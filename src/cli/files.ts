import { CliError, messageOf } from "./errors.ts";

/** The content of a file piece by piece. @throws CliError at once when it cannot be opened. */
export async function fileChunks(path: string): Promise<AsyncIterable<Uint8Array>> {
  const { open } = await import("node:fs/promises");
  const file = await open(path, "r").catch((error: unknown) => {
    throw new CliError(openFailure(path, error));
  });
  return file.createReadStream({ highWaterMark: 1 << 18 });
}

/**
 * Looks at where a file is to be written before anything is asked for: what is no file there would be replaced by one.
 * @param task what fails (`failed to save image`).
 * @throws CliError with Docker's text.
 */
export async function checkOutput(path: string, task: string): Promise<void> {
  const { lstat, stat } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  const folder = dirname(path);
  const fault = await stat(folder).then(
    (found) => (found.isDirectory() ? undefined : `stat ${folder}: not a directory`),
    (error: unknown) => `stat ${folder}: ${faultOf(error)}`,
  );
  if (fault !== undefined) throw new CliError(`${task}: invalid output path: ${fault}`);
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined || there.isFile()) return;
  const what = there.isDirectory()
    ? "a directory"
    : there.isSymbolicLink()
      ? "a symbolic link directly"
      : there.isFIFO()
        ? "a named pipe (FIFO)"
        : there.isSocket()
          ? "a socket"
          : there.isCharacterDevice()
            ? "a character device file"
            : "a block device file";
  throw new CliError(`${task}: cannot write to ${what}`);
}

/** Writes a body to a file, whole or not at all: a temporary name beside it, then a rename. */
export async function saveTo(path: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const { open, rename, rm } = await import("node:fs/promises");
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w", 0o600).catch((error: unknown) => {
    throw new CliError(openFailure(path, error));
  });
  try {
    try {
      for await (const chunk of body) await file.write(chunk);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes a file that must not be there yet. @throws CliError when it is, or cannot be made. */
export async function createNew(path: string, content: Uint8Array): Promise<void> {
  const { open, rm } = await import("node:fs/promises");
  const file = await open(path, "wx", 0o600).catch((error: unknown) => {
    throw new CliError(openFailure(path, error));
  });
  try {
    await file.writeFile(content);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

function openFailure(path: string, error: unknown): string {
  return `open ${path}: ${faultOf(error)}`;
}

function faultOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const texts: Record<string, string> = {
    ENOENT: "no such file or directory",
    ENOTDIR: "not a directory",
    EACCES: "permission denied",
    EEXIST: "file exists",
    EISDIR: "is a directory",
  };
  return texts[code] ?? messageOf(error);
}
