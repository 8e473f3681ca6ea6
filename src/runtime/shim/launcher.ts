import { spawn } from "node:child_process";
import { join } from "node:path";
import { ShimError } from "./errors.ts";

export const SOCKET_NAME = "shim.sock";
/** sockaddr_un holds 107 bytes and a NUL. */
const MAX_SOCKET_PATH = 107;

export interface ShimProgram {
  /** Path of the berth-shim executable, in a place that no container can write. */
  readonly binary: string;
  /** Overlay by mount(2), for kernels whose overlay has no other interface (`overlayNeedsMount2`). */
  readonly overlayByMount2?: boolean;
}

/** Where the shim of this run directory listens. @throws ShimError ENAMETOOLONG. */
export function socketPath(directory: string): string {
  const path = join(directory, SOCKET_NAME);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new ShimError("ENAMETOOLONG", `socket path ${path} is longer than ${MAX_SOCKET_PATH} bytes`);
  }
  return path;
}

/**
 * Starts a shim whose socket and exit records are in `directory` (0700, empty). Settles once it listens; it is then a
 * child of the machine's PID 1, in a session of its own. Unclaimed for 30 s, it ends.
 */
export async function launchShim(program: ShimProgram, directory: string): Promise<void> {
  const args = ["--socket", socketPath(directory)];
  if (program.overlayByMount2 === true) args.push("--overlay=mount2");
  const child = spawn(program.binary, args, { stdio: ["ignore", "ignore", "pipe"], env: {}, cwd: "/" });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = "";
  child.stderr.on("data", (text: Buffer) => {
    if (said.length < 4096) said += text.toString();
  });
  child.on("error", (error) =>
    reject(new ShimError("EIO", `start ${program.binary}: ${error.message}`, { cause: error })),
  );
  // Good: when it has exited; what went wrong: when its text is whole.
  child.on("exit", (code) => {
    if (code === 0) resolve();
  });
  child.on("close", (code) => {
    if (code !== 0) reject(new ShimError("EIO", said.trim() || `${program.binary} ended with ${code}`));
  });
  await promise;
}
