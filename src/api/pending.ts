import type { EngineError } from "../base/index.ts";
import { notASwarmManager, notInASwarm, notSupportedYet } from "./errors.ts";
import type { Method } from "./operation.ts";
import type { ApiVersionText } from "./version.ts";

/** An operation of the Engine API that berth answers with a refusal. This list only ever shrinks. */
export interface PendingOperation {
  readonly method: Method;
  readonly path: string;
  readonly since?: ApiVersionText;
  readonly refusal: EngineError;
}

function pending(method: Method, path: string, what: string, since?: ApiVersionText): PendingOperation {
  return { method, path, refusal: notSupportedYet(what), ...(since === undefined ? {} : { since }) };
}

/** What Docker refuses in the same way while no swarm was made. */
function swarm(method: Method, path: string): PendingOperation {
  return { method, path, refusal: notASwarmManager() };
}

export const pendingOperations: readonly PendingOperation[] = [
  pending("GET", "/containers/{name}/checkpoints", "listing checkpoints"),
  pending("POST", "/containers/{name}/checkpoints", "making a checkpoint"),
  pending("DELETE", "/containers/{name}/checkpoints/{checkpoint}", "deleting a checkpoint"),

  pending("POST", "/build", "building an image"),
  pending("POST", "/build/cancel", "cancelling a build"),
  pending("POST", "/session", "a build session"),
  pending("POST", "/grpc", "BuildKit's gRPC interface"),

  pending("GET", "/images/{name}/attestations", "listing attestations", "1.55"),

  pending("GET", "/plugins/privileges", "asking for a plugin's privileges"),
  pending("POST", "/plugins/pull", "installing a plugin"),
  pending("POST", "/plugins/create", "making a plugin"),
  pending("GET", "/plugins/{name}/json", "inspecting a plugin"),
  pending("DELETE", "/plugins/{name}", "removing a plugin"),
  pending("POST", "/plugins/{name}/enable", "enabling a plugin"),
  pending("POST", "/plugins/{name}/disable", "disabling a plugin"),
  pending("POST", "/plugins/{name}/upgrade", "upgrading a plugin"),
  pending("POST", "/plugins/{name}/push", "pushing a plugin"),
  pending("POST", "/plugins/{name}/set", "configuring a plugin"),

  swarm("GET", "/swarm"),
  pending("POST", "/swarm/init", "swarm mode"),
  pending("POST", "/swarm/join", "swarm mode"),
  { method: "POST", path: "/swarm/leave", refusal: notInASwarm() },
  swarm("POST", "/swarm/update"),
  swarm("GET", "/swarm/unlockkey"),
  { method: "POST", path: "/swarm/unlock", refusal: notInASwarm() },
  swarm("GET", "/nodes"),
  swarm("GET", "/nodes/{id}"),
  swarm("DELETE", "/nodes/{id}"),
  swarm("POST", "/nodes/{id}/update"),
  swarm("GET", "/services"),
  swarm("POST", "/services/create"),
  swarm("GET", "/services/{id}"),
  swarm("DELETE", "/services/{id}"),
  swarm("POST", "/services/{id}/update"),
  swarm("GET", "/services/{id}/logs"),
  swarm("GET", "/tasks"),
  swarm("GET", "/tasks/{id}"),
  swarm("GET", "/tasks/{id}/logs"),
  swarm("GET", "/secrets"),
  swarm("POST", "/secrets/create"),
  swarm("GET", "/secrets/{id}"),
  swarm("DELETE", "/secrets/{id}"),
  swarm("POST", "/secrets/{id}/update"),
  swarm("GET", "/configs"),
  swarm("POST", "/configs/create"),
  swarm("GET", "/configs/{id}"),
  swarm("DELETE", "/configs/{id}"),
  swarm("POST", "/configs/{id}/update"),
  swarm("PUT", "/volumes/{name}"),

  pending("GET", "/debug/vars", "the debug interface"),
  pending("GET", "/debug/pprof/", "the debug interface"),
  pending("GET", "/debug/pprof/cmdline", "the debug interface"),
  pending("GET", "/debug/pprof/profile", "the debug interface"),
  pending("GET", "/debug/pprof/symbol", "the debug interface"),
  pending("GET", "/debug/pprof/trace", "the debug interface"),
  pending("GET", "/debug/pprof/{name}", "the debug interface"),
];
