import { errnoOf, invalid, noSpace, notFound, type Digest } from "../base/index.ts";

export const noSuchBlob = (digest: Digest, cause?: unknown) => notFound(`content ${digest}: not found`, { cause });

export const wrongSize = (expected: number, actual: number) =>
  invalid(`unexpected commit size ${actual}, expected ${expected}: failed precondition`);

/** Docker's text for a blob that is not what its name says. */
export const wrongDigest = (expected: Digest, actual: Digest) =>
  invalid(`filesystem layer verification failed for digest ${expected}: got ${actual}`);

/** Full disks get a text and a kind; everything else stays as it is. */
export function asWriteError(error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === "ENOSPC") return noSpace("write blob: no space left on device", { cause: error });
  if (errno === "EDQUOT") return noSpace("write blob: disk quota exceeded", { cause: error });
  return error;
}
