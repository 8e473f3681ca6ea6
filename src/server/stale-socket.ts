import { lstat, rm } from "node:fs/promises";
import { connect } from "node:net";
import { conflict, errnoOf } from "../base/index.ts";

/**
 * Removes a socket that a killed daemon left.
 * @throws conflict when someone listens there, or when it is no socket.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw conflict(`cannot listen on ${path}: a file that is no socket stands there`);
  if (await isServed(path)) throw conflict(`cannot listen on ${path}: another process listens there`);
  await rm(path, { force: true });
}

/** Anything but a refusal means that someone may be there: a full queue, say. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (served: boolean) => {
      socket.destroy();
      resolve(served);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", (error) => answer(!["ECONNREFUSED", "ENOENT"].includes(errnoOf(error) ?? "")));
  });
}
