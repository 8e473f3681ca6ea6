import { type Digest, dataLoss, EngineError, invalid, notFound, notImplemented, unknown } from "../base/index.ts";

/** Go's text for an archive that ends within a header or a file: clients show it. */
export const truncated = () => invalid("unexpected EOF");

/** The archive breaks the format; Docker's words first, then what was wrong. */
export const badHeader = (why: string) => invalid(`archive/tar: invalid tar header: ${why}`);

/** A name that leads out of the target. */
export const breakout = (name: string) => invalid(`invalid entry name ${JSON.stringify(name)}`);

/** A hard link whose target leads out of the target directory. */
export const invalidLink = (target: string) => invalid(`invalid hardlink target ${JSON.stringify(target)}`);

export const invalidWhiteout = (name: string) => invalid(`invalid whiteout entry ${JSON.stringify(name)}`);

export const unhandledType = (flag: string) => invalid(`unhandled tar header type ${flag.charCodeAt(0)}`);

export const tooLarge = (what: string, limit: number) => invalid(`archive is refused: more than ${limit} ${what}`);

/** The tar of a layer cannot be made again from its tree. */
export const damagedSplit = (diffId: Digest, why: string) => dataLoss(`layer ${diffId} is damaged: ${why}`);

/** A compression that this host cannot undo. */
export const noDecompressor = (format: string) =>
  notImplemented(`${format} archives need the ${format} program, which is not installed`);

export const badCompression = (format: string, cause: unknown) =>
  invalid(`invalid ${format} data: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });

/** An entry could not be made in the target: its name and the kernel's answer. */
export const entryFailed = (name: string, step: string, cause: unknown) => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const kind = code === "ENOSPC" || code === "EDQUOT" ? "no-space" : "unknown";
  const text = code === "ENOSPC" ? "no space left on device" : cause instanceof Error ? cause.message : String(cause);
  return new EngineError(kind, `${step} ${name}: ${text}`, { cause });
};

export const cannotOverwriteDirectory = (path: string, where: string) =>
  invalid(`cannot overwrite directory ${JSON.stringify(path)} with non-directory ${JSON.stringify(where)}`);
export const cannotOverwriteFile = (path: string, where: string) =>
  invalid(`cannot overwrite non-directory ${JSON.stringify(path)} with directory ${JSON.stringify(where)}`);

export const noSuchPath = (path: string) => notFound(`Could not find the file ${path}`);
/** Go's words for a path that goes on behind a file. */
export const behindFile = (path: string) => unknown(`lstat ${path}: not a directory`);
/** Go's words for a path that the kernel does not take. */
export const badPath = (path: string, why: string) =>
  invalid(`lstat ${path.startsWith("/") ? "" : "/"}${path}: ${why}`);
/** Docker's words for a file where a directory's content is to be copied from. */
export const sourceIsFile = (path: string) => unknown(`source ${path} is not directory`);
export const notADirectory = () => invalid("extraction point is not a directory");
