import { readFile, realpath } from "node:fs/promises";
import { isIP } from "node:net";
import { sharesFiles } from "../create/mounts.ts";
import { badNameserver, notPropagating } from "../errors.ts";
import type { MountRecord } from "../record.ts";

/** @throws unknown for a name server that is no address: it would be a line of resolv.conf that nobody can read. */
export function checkNameservers(servers: readonly string[]): void {
  const wrong = servers.find((server) => isIP(server) === 0);
  if (wrong !== undefined) throw badNameserver(wrong);
}

/**
 * What is mounted by the host or the container is seen by the other only if the source's mount takes part in it.
 * @throws unknown for a bind that is to be shared or a slave, whose source is on a mount that is neither.
 */
export async function checkPropagation(
  mounts: readonly MountRecord[],
  dataRoot: string,
  mountinfo = () => readFile("/proc/self/mountinfo", "utf8"),
): Promise<void> {
  for (const mount of mounts) {
    if (mount.type !== "bind") continue;
    const kind = /shared|slave/.exec(mount.propagation)?.[0];
    if (kind === undefined) continue;
    // Nobody may have asked for it: it came of where the source is, and means nothing on a mount that is private.
    if (mount.propagation === "rslave" && sharesFiles(mount.source, dataRoot)) continue;
    // One that is missing is made later, on the mount of the folder that it is made in.
    const source = await realpath(mount.source).catch(() => mount.source);
    const { place, peers } = mountOf(source, await mountinfo());
    const takesPart = peers.some(
      (peer) => peer.startsWith("shared:") || (kind === "slave" && peer.startsWith("master:")),
    );
    if (!takesPart) throw notPropagating(mount.source, place, kind === "shared" ? "shared" : "shared or slave");
  }
}

/** The mount on which a path lies, with its optional fields (proc_pid_mountinfo(5)); of several in one place the last. */
function mountOf(path: string, mountinfo: string): { place: string; peers: string[] } {
  let found = { place: "", peers: [] as string[] };
  for (const line of mountinfo.split("\n")) {
    const fields = line.split(" ");
    const place = (fields[4] ?? "").replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = place === "/" || path === place || path.startsWith(`${place}/`);
    if (place === "" || !holds || place.length < found.place.length) continue;
    found = { place, peers: fields.slice(6, fields.indexOf("-", 6)) };
  }
  return found;
}
