import type { HostConfig } from "../../api/index.ts";
import type { NamespaceKind } from "../../spec/index.ts";
import { namespaceMode, networkMode } from "../create/modes.ts";

/** /proc/PID/ns/… of the containers whose namespaces are to be joined. */
export interface NamespacePaths {
  network?: string;
  pid?: string;
  ipc?: string;
  /** The other container's /dev/shm, which goes with its ipc namespace. */
  shm?: string;
  /** The user namespace of a container whose other namespaces are joined: they belong to it. */
  user?: string;
}

type Namespace = { type: NamespaceKind; path?: string };

export function compileNamespaces(host: HostConfig, paths: NamespacePaths, userns: boolean): Namespace[] {
  const list: Namespace[] = [{ type: "mount" }];
  const network = networkMode(host.NetworkMode).kind;
  if (network !== "host") list.push(joining("network", paths.network));
  if (host.UTSMode !== "host") list.push({ type: "uts" });
  if (namespaceMode(host.PidMode).kind !== "host") list.push(joining("pid", paths.pid));
  if (namespaceMode(host.IpcMode).kind !== "host") list.push(joining("ipc", paths.ipc));
  if (host.CgroupnsMode === "private") list.push({ type: "cgroup" });
  if (userns) list.push(joining("user", paths.user));
  return list;
}

function joining(type: NamespaceKind, path: string | undefined): Namespace {
  return path === undefined ? { type } : { type, path };
}
