import { containerOperations } from "../../../src/api/operations/containers.ts";
import { execOperations } from "../../../src/api/operations/exec.ts";
import type { OperationAttempt } from "./types.ts";

const GREATEST = "9223372036854775807";
const BEYOND = "9223372036854775808";
const TEXTS = { bounds: ["", "\u0000", "x".repeat(5000)], wrong: [] };

/** Texts by a parameter's declared type: at its bounds, and what is not of it. Every text is one, and every word a boolean. */
const KINDS: Readonly<Record<string, { bounds: readonly string[]; wrong: readonly string[] }>> = {
  string: TEXTS,
  list: TEXTS,
  boolean: { bounds: ["", "0", "1", "no", "False", "none", "true"], wrong: ["x", "2"] },
  integer: { bounds: ["", "0", "-1", GREATEST, `-${BEYOND}`], wrong: ["x", "1.5", " 1", BEYOND] },
  time: { bounds: ["", "0", "0.000000001", "-1", GREATEST], wrong: ["x", "1.5.5", "1e3", BEYOND] },
  filters: { bounds: ["", "{}", "null"], wrong: ["x", "[]", "5", '{"label":5}'] },
};

/** What a parameter's kinds are tried on: a request that needs the parameters behind it, and leaves one out that is tried. */
interface Base extends Omit<OperationAttempt, "path"> {
  path: string;
  others?: ReadonlyArray<readonly [name: string, value: string]>;
}

const post = (path: string) => ({ method: "POST", path });
const created = { world: "created" } as const;
const running = { world: "running" } as const;
const logged = { world: "logged", shared: true } as const;
const OWN = JSON.stringify({ name: ["berth-matrix"] });

/** By operation; export, statistics and websockets are asked of no container, since their answers are not compared. */
const BASES: Readonly<Record<string, Base>> = {
  containerList: { method: "GET", path: "/containers/json", ...logged, others: [["filters", OWN]] },
  containerInspect: { method: "GET", path: "/containers/{id}/json", ...logged },
  containerTop: { method: "GET", path: "/containers/{id}/top", ...running, shared: true },
  containerLogs: { method: "GET", path: "/containers/{id}/logs", ...logged, others: [["stdout", "1"]] },
  containerStats: { method: "GET", path: "/containers/nosuch/stats", world: "none" },
  containerResize: {
    ...post("/containers/{id}/resize"),
    ...running,
    shared: true,
    others: [
      ["h", "10"],
      ["w", "10"],
    ],
  },
  containerStart: { ...post("/containers/{id}/start"), ...created },
  containerStop: { ...post("/containers/{id}/stop"), ...running },
  containerRestart: { ...post("/containers/{id}/restart"), ...running },
  containerKill: { ...post("/containers/{id}/kill"), ...running },
  containerRename: { ...post("/containers/{id}/rename"), ...created },
  containerAttach: { ...post("/containers/{id}/attach"), ...logged, others: [["logs", "1"]] },
  containerAttachWebsocket: { method: "GET", path: "/containers/nosuch/attach/ws", world: "none" },
  containerWait: { ...post("/containers/{id}/wait"), ...logged },
  containerDelete: { method: "DELETE", path: "/containers/{id}", ...created },
  containerArchiveInfo: { method: "HEAD", path: "/containers/{id}/archive", ...logged },
  containerArchive: { method: "GET", path: "/containers/{id}/archive", ...logged },
  putContainerArchive: {
    method: "PUT",
    path: "/containers/{id}/archive",
    ...created,
    bytes: Buffer.alloc(1024),
    others: [["path", "/tmp"]],
  },
  imageCommit: { ...post("/commit"), ...logged, others: [["container", "{id}"]] },
  execResize: {
    ...post("/exec/{exec}/resize"),
    ...running,
    shared: true,
    others: [
      ["h", "10"],
      ["w", "10"],
    ],
  },
};

/** Parameters that are tried in all their kinds, with their declared types. */
export function parametersInKinds(): Array<{ operation: string; param: string; type: string }> {
  return Object.entries({ ...containerOperations, ...execOperations }).flatMap(([operation, { query }]) =>
    BASES[operation] === undefined
      ? []
      : Object.entries(query).map(([param, { type }]) => ({ operation, param, type })),
  );
}

/** Attempts at a parameter: absent, at its type's bounds, of a wrong type, and in contradiction to itself. */
export function kindsOfParameter(operation: string, param: string, type: string): Record<string, OperationAttempt[]> {
  const { others = [], ...base } = BASES[operation] ?? { ...post(""), world: "none" };
  const with_ = (...values: readonly string[]) => {
    const pairs = [...values.map((value) => [param, value] as const), ...others.filter(([name]) => name !== param)];
    const query = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    return { ...base, path: query === "" ? base.path : `${base.path}?${query}` };
  };
  const { bounds, wrong } = KINDS[type] ?? TEXTS;
  const [first = "", , last = ""] = bounds;
  return {
    absent: [with_()],
    "at its bounds": bounds.map((value) => with_(value)),
    "of a wrong type": wrong.map((value) => with_(value)),
    contradicted: type === "list" ? [] : [with_(first, last), with_(last, first)],
  };
}
