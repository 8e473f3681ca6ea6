import { dialNative } from "./native.ts";

/** Whether a program listens on the socket at a path. @throws the system's error when that cannot be told (EACCES, …). */
export async function listensOn(path: string): Promise<boolean> {
  const nothing = () => undefined;
  try {
    const handlers = { data: nothing, end: nothing, drain: nothing, close: nothing };
    (await dialNative({ kind: "unix", path }, handlers)).destroy();
    return true;
  } catch (error) {
    // Nothing there, a socket whose program is gone, or no socket at all
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTSOCK") return false;
    throw error;
  }
}
