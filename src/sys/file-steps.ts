import { mkdir } from "node:fs/promises";
import { getSystemErrorName } from "node:util";
import type { BlockingCalls } from "./types.ts";

/** One file operation among several that are made in one go. `missing`: it is fine when there is no such file. */
export type FileStep =
  | { readonly op: "mkdir"; readonly path: string; readonly mode: number }
  /** Makes or empties the file, and writes it. */
  | { readonly op: "write"; readonly path: string; readonly data: string; readonly mode: number }
  /** Writes a file of the kernel's. */
  | { readonly op: "poke"; readonly path: string; readonly data: string; readonly missing?: boolean }
  | { readonly op: "symlink"; readonly target: string; readonly path: string }
  | { readonly op: "rename"; readonly from: string; readonly to: string }
  | { readonly op: "unlink" | "rmdir"; readonly path: string; readonly missing?: boolean }
  /** Directories that are made in this one get places far from each other, on file systems that know of it (ext4). */
  | { readonly op: "spread"; readonly path: string }
  /** Fails with ENOTEMPTY when there is something in the file. */
  | { readonly op: "empty"; readonly path: string; readonly missing?: boolean };

/** In the addon's order. */
const OPS = ["mkdir", "write", "poke", "symlink", "rename", "unlink", "rmdir", "empty", "spread"];
const HEAD = 16;

/**
 * Runs file operations in order on the thread pool, with one way there and back for all. What was made before a step
 * failed is the caller's to remove.
 * @throws an Error with `code`, `path` and `syscall`, as node's are.
 */
export async function runFileSteps(
  native: Pick<BlockingCalls, "fileSteps">,
  steps: readonly FileStep[],
): Promise<void> {
  const answer = await native.fileSteps(encode(steps));
  const step = steps[answer.readInt32LE(0)];
  if (step !== undefined) throw failure(step, answer.readInt32LE(4));
}

/**
 * Makes a directory of layers' or containers' directories, unless it is there. On ext4 they lie far from each other: where
 * others were removed within minutes, one without a journal passes over each of their inodes for every file that is made.
 */
export async function makeSpreadDirectory(
  native: Pick<BlockingCalls, "fileSteps">,
  path: string,
  mode: number,
): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  await runFileSteps(native, [{ op: "spread", path }]);
}

function mayBeMissing(step: FileStep): boolean {
  return "missing" in step && step.missing;
}

function textsOf(step: FileStep): [string, string] {
  if (step.op === "rename") return [step.from, step.to];
  if (step.op === "symlink") return [step.target, step.path];
  return [step.path, "data" in step ? step.data : ""];
}

function encode(steps: readonly FileStep[]): Buffer {
  const texts = steps.map((step) => {
    const [first, second] = textsOf(step);
    return { first, second, sizes: [Buffer.byteLength(first), Buffer.byteLength(second)] as const };
  });
  const bytes = Buffer.alloc(texts.reduce((sum, { sizes }) => sum + HEAD + sizes[0] + sizes[1] + 2, 0));
  let at = 0;
  for (const [index, step] of steps.entries()) {
    const text = texts[index];
    if (text === undefined) break;
    bytes.writeUInt8(OPS.indexOf(step.op) + 1, at);
    bytes.writeUInt8(mayBeMissing(step) ? 1 : 0, at + 1);
    bytes.writeUInt32LE("mode" in step ? step.mode : 0, at + 4);
    bytes.writeUInt32LE(text.sizes[0], at + 8);
    bytes.writeUInt32LE(text.sizes[1], at + 12);
    bytes.write(text.first, at + HEAD);
    bytes.write(text.second, at + HEAD + text.sizes[0] + 1);
    at += HEAD + text.sizes[0] + text.sizes[1] + 2;
  }
  return bytes;
}

function failure(step: FileStep, errno: number): Error {
  const code = getSystemErrorName(-errno);
  const path = step.op === "rename" ? step.from : step.path;
  return Object.assign(new Error(`${code}: ${step.op} '${path}'`), { code, errno: -errno, syscall: step.op, path });
}
