import { apiCall } from "../../support/api.ts";
import { busyboxEntries, dockerArchive } from "../../support/images.ts";
import type { TarEntry } from "../../support/tar.ts";
import { describeTree } from "./describe.ts";

const IMAGE = "tree:made-by-a-test";

/** Loads the layers in an engine, starts a container of them, and describes its `/tree`. Nothing is left in the engine. */
export async function treeOf(socket: string, layers: readonly TarEntry[][]): Promise<string[]> {
  const call = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const answer = await apiCall(socket, method, path, body, headers);
    if (answer.status >= 400 || answer.text.includes("errorDetail"))
      throw new Error(`${method} ${path}: ${answer.text}`);
    return answer.json;
  };
  const archive = dockerArchive({ name: IMAGE, layers: [busyboxEntries(), ...layers] });
  await call("POST", "/images/load?quiet=1", archive, { "Content-Type": "application/x-tar" });
  try {
    const body = { Image: IMAGE, Cmd: ["sleep", "1000"], NetworkDisabled: true };
    const { Id } = (await call("POST", "/containers/create", body)) as { Id: string }; // create's shape
    try {
      await call("POST", `/containers/${Id}/start`);
      const { State } = (await call("GET", `/containers/${Id}/json`)) as { State: { Pid: number } }; // inspect's shape
      return describeTree(`/proc/${State.Pid}/root/tree`);
    } finally {
      await call("DELETE", `/containers/${Id}?force=1`);
    }
  } finally {
    await call("DELETE", `/images/${IMAGE}`);
  }
}
