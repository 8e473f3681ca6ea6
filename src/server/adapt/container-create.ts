import { type ApiVersion, type ContainerCreateBody, hasSince, type HostConfig } from "../../api/index.ts";

/** Gives a request of an older client the meaning that it had in that client's version. */
export function adaptCreateBody(body: ContainerCreateBody, version: ApiVersion): ContainerCreateBody {
  if (body.HostConfig === undefined) return body;
  return { ...body, HostConfig: adaptHostConfig(body.HostConfig, version) };
}

function adaptHostConfig(given: HostConfig, version: ApiVersion): HostConfig {
  const host = { ...given };
  if (!hasSince(version, "1.40") && (host.IpcMode ?? "") === "") host.IpcMode = "shareable";
  if (!hasSince(version, "1.41") && !host.CgroupnsMode) host.CgroupnsMode = "host";
  // Once 0 meant that a limit is not set, and -1 was not there.
  if (!hasSince(version, "1.41") && host.PidsLimit === 0) delete host.PidsLimit;
  return host;
}
