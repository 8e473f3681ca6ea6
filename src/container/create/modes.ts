import type { ContainerConfig, HostConfig } from "../../api/index.ts";
import { invalid } from "../../base/index.ts";

/** How a container is on networks. */
export type NetworkMode =
  | { kind: "none" }
  | { kind: "host" }
  | { kind: "container"; ref: string }
  /** `bridge` is the default network. */
  | { kind: "network"; name: string };

export function networkMode(text: string | undefined): NetworkMode {
  if (text === "none") return { kind: "none" };
  if (text === "host") return { kind: "host" };
  if (text?.startsWith("container:")) return { kind: "container", ref: text.slice("container:".length) };
  return { kind: "network", name: text === undefined || text === "" || text === "default" ? "bridge" : text };
}

/** A namespace that may be its own, the host's or another container's. */
export type NamespaceMode = { kind: "own" } | { kind: "host" } | { kind: "container"; ref: string };

export function namespaceMode(text: string | undefined): NamespaceMode {
  if (text === "host") return { kind: "host" };
  if (text?.startsWith("container:")) return { kind: "container", ref: text.slice("container:".length) };
  return { kind: "own" };
}

/** @throws invalid for a mode that is none, or for settings that do not go with one. */
export function validateModes(config: ContainerConfig, host: HostConfig): void {
  checkMode("IPC mode", host.IpcMode, ["", "none", "private", "shareable", "host"], true);
  checkMode("PID mode", host.PidMode, ["", "host"], host.PidMode !== "container:");
  checkMode("UTS mode", host.UTSMode, ["", "host"], false);
  checkMode("user namespace mode", host.UsernsMode, ["", "host", "private"], false);
  checkMode("cgroup namespace mode", host.CgroupnsMode, ["", "host", "private"], false);
  if (host.UTSMode === "host" && config.Hostname) throw invalid("conflicting options: hostname and the UTS mode");
  // It would rename the host; Docker fails at the start.
  if (host.UTSMode === "host" && config.Domainname) throw invalid("conflicting options: domainname and the UTS mode");
  const mode = networkMode(host.NetworkMode);
  if (mode.kind === "container") validateContainerMode(config, host, mode.ref);
  if (mode.kind === "host" && (host.Links ?? []).length > 0) {
    throw invalid(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  }
}

function checkMode(what: string, text: string | undefined, allowed: readonly string[], others: boolean): void {
  if (text === undefined || allowed.includes(text)) return;
  if (others && text.startsWith("container:")) return;
  throw invalid(`invalid ${what}: ${text}`);
}

function validateContainerMode(config: ContainerConfig, host: HostConfig, ref: string): void {
  const conflicts: Array<[boolean, string]> = [
    [ref === "", "invalid network mode: invalid container format container:<name|id>"],
    [Boolean(config.Hostname), "conflicting options: hostname and the network mode"],
    [
      (host.Links ?? []).length > 0,
      "conflicting options: container type network can't be used with links. This would result in undefined behavior",
    ],
    [(host.Dns ?? []).length > 0, "conflicting options: dns and the network mode"],
    [(host.ExtraHosts ?? []).length > 0, "conflicting options: custom host-to-IP mapping and the network mode"],
    [
      Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts === true,
      "conflicting options: port publishing and the container type network mode",
    ],
    [
      Object.keys(config.ExposedPorts ?? {}).length > 0,
      "conflicting options: port exposing and the container type network mode",
    ],
  ];
  for (const [found, text] of conflicts) if (found) throw invalid(text);
}
