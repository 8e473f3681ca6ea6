import { shapes } from "../../../src/api/generated/bodies.ts";
import { tar } from "../../support/tar.ts";
import { boundaryValues } from "./boundaries.ts";
import { kindsOfParameter, parametersInKinds } from "./parameters.ts";
import { tarNames } from "./tar-names.ts";
import type { OperationAttempt } from "./types.ts";
import { wrongValues } from "./wrong-types.ts";

type Set = Record<string, unknown>;

const MIB = 1024 * 1024;
const BOOLEANS = ["", "0", "1", "true", "false", "x"];
const NUMBERS = ["", "0", "1", "-1", "-2", "x", "1.5", "99999999999999999999"];
const TIMES = ["", "0", "x", "-1", "1.5", "1e3", "99999999999", "2020-01-01"];
const SIGNALS = ["", "TERM", "SIGTERM", "15", "0", "-1", "65", "NOSUCH", "kill", "sigkill", "RTMIN+1", " TERM"];
const FILE = tar([{ name: "made", data: "text" }]);

/** `?name=value`; without a value, nothing. */
function query(...pairs: ReadonlyArray<readonly [string, string]>): string {
  return pairs.length === 0 ? "" : `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
}

/** The operation with each value of one parameter, the others as given. */
function each(
  base: Omit<OperationAttempt, "path"> & { path: string },
  param: string,
  values: readonly string[],
  others: ReadonlyArray<readonly [string, string]> = [],
): OperationAttempt[] {
  return values.map((value) => ({ ...base, path: base.path + query([param, value], ...others) }));
}

function filterSets(filters: readonly unknown[]): string[] {
  return filters.map((filter) => (typeof filter === "string" ? filter : JSON.stringify(filter)));
}

/** Bodies with each wrong type of each member of a shape, and with each of the given ones. */
function bodies(base: OperationAttempt, shape: string, frame: Set, sets: readonly Set[]): OperationAttempt[] {
  const wrong = Object.entries(shapes[shape] ?? {}).flatMap(([member, type]) =>
    [...wrongValues(type), null].map((value) => ({ [member]: value })),
  );
  const bounds = Object.entries(shapes[shape] ?? {}).flatMap(([member, type]) =>
    boundaryValues(type).map((value) => ({ [member]: value })),
  );
  const members = Object.keys(shapes[shape] ?? {});
  const twice = [...sets, ...bounds].flatMap((set) => {
    const [[member, value] = ["", undefined], ...more] = Object.entries(set);
    return more.length > 0 || !members.includes(member) ? [] : [{ [member]: value, [member.toLowerCase()]: null }];
  });
  const asked = (set: Set) => ({ ...base, body: { ...frame, ...set } });
  const all = [
    ...[...sets, ...bounds, ...twice].map(asked),
    // A wrong type and null change nothing.
    ...wrong.map((set) => ({ ...asked(set), shared: true as const })),
  ];
  // A value may be among those given, and at its type's bounds.
  return [...new Map(all.map((each) => [operationKey(each), each])).values()];
}

const created = { world: "created" } as const;
const running = { world: "running" } as const;
const exited = { world: "exited" } as const;
const logged = { world: "logged", shared: true } as const;
const paused = { world: "paused" } as const;
const WORLDS = [created, running, exited, paused];
const post = (path: string) => ({ method: "POST", path });
const get = (path: string) => ({ method: "GET", path });

const LOGS = "/containers/{id}/logs";
const STDOUT = [["stdout", "1"]] as const;
const ARCHIVE = "/containers/{id}/archive";
const PATHS = [
  "",
  "/",
  "/etc/passwd",
  "etc/passwd",
  "/etc/passwd/",
  "/etc/",
  "/etc/.",
  "/nosuch",
  "/nosuch/x",
  "/etc/passwd/x",
  "..",
  "/../etc/passwd",
  "/proc/self",
  "/dev/null",
  "/bin/ls",
];
const OWN = { name: ["berth-matrix"] };

const ATTEMPTS: Readonly<Record<string, readonly OperationAttempt[]>> = {
  containerCreate: ["name", "platform"].flatMap((param) =>
    each(
      { ...post("/containers/create"), world: "none", body: { Image: "busybox:local", Cmd: ["true"] } },
      param,
      param === "name"
        ? ["", "a", "-bad", "bad name", "berth-matrix-peer", "/berth-matrix-peer", "//x", "a/b", "ü", ".x", "_x", "ab "]
        : [
            "",
            "linux",
            "linux/amd64",
            "linux/arm64",
            "LINUX/AMD64",
            "amd64",
            "x86_64",
            "windows/amd64",
            "nonsense",
            "a/b/c/d",
            "linux/amd64/v2",
            "/",
            "linux/",
          ],
    ),
  ),
  containerList: [
    ...["all", "size"].flatMap((param) =>
      each({ ...get("/containers/json"), ...logged }, param, BOOLEANS, [["filters", JSON.stringify(OWN)]]),
    ),
    ...each({ ...get("/containers/json"), ...logged }, "limit", NUMBERS, [["filters", JSON.stringify(OWN)]]),
    ...each(
      { ...get("/containers/json"), ...logged },
      "filters",
      filterSets([
        "",
        "x",
        "[]",
        "{}",
        "null",
        '{"name":"x"}',
        '{"name":{"berth-matrix-peer":true}}',
        '{"name":5}',
        { name: ["^/?berth-matrix-peer$"] },
        { name: ["("] },
        { name: ["peer", "logged"] },
        { id: ["{id}"] },
        { id: ["nosuch"] },
        { status: ["running"], ...OWN },
        { status: ["exited"], ...OWN },
        { status: ["nosuch"] },
        { status: [""] },
        { exited: ["3"], ...OWN },
        { exited: ["0"], ...OWN },
        { exited: ["x"] },
        { label: ["of=matrix"] },
        { label: ["of"] },
        { label: ["of=x"] },
        { "label!": ["of=matrix"] },
        { ancestor: ["busybox:local"], ...OWN },
        { ancestor: ["nosuch"] },
        { before: ["nosuch"] },
        { since: ["nosuch"] },
        { since: ["berth-matrix-peer"], ...OWN },
        { before: ["{id}"], ...OWN },
        { network: ["berth-matrix-net"] },
        { network: ["bridge"], ...OWN },
        { network: ["nosuch"] },
        { volume: ["nosuch"] },
        { volume: ["/of-peer"] },
        { health: ["none"], ...OWN },
        { health: ["healthy"], ...OWN },
        { health: ["nosuch"] },
        { expose: ["80"] },
        { expose: ["x"] },
        { publish: ["80/tcp"] },
        { publish: ["x"] },
        { "is-task": ["true"] },
        { "is-task": ["x"] },
        { isolation: ["x"] },
        { nosuch: ["x"] },
      ]),
      [["all", "1"]],
    ),
  ],
  containerInspect: [
    ...each({ ...get("/containers/{id}/json"), ...logged }, "size", BOOLEANS),
    { ...get("/containers/nosuch/json"), world: "none" },
  ],
  containerTop: [
    ...each({ ...get("/containers/{id}/top"), ...running, shared: true }, "ps_args", [
      "",
      "-ef",
      "aux",
      "-o pid,comm",
      "-o comm",
      "--nosuch",
      "-o nosuch",
      "-eo pid,args",
    ]),
    ...[created, exited].map((world) => ({ ...get("/containers/{id}/top"), ...world })),
  ],
  containerLogs: [
    ...["stdout", "stderr"].flatMap((param) => each({ ...get(LOGS), ...logged }, param, BOOLEANS)),
    ...["follow", "timestamps", "details"].flatMap((param) =>
      each({ ...get(LOGS), ...logged }, param, BOOLEANS, STDOUT),
    ),
    ...["since", "until"].flatMap((param) => each({ ...get(LOGS), ...logged }, param, TIMES, STDOUT)),
    ...each({ ...get(LOGS), ...logged }, "tail", [...NUMBERS, "all", "2", "ALL"], STDOUT),
    { ...get(LOGS), ...logged },
    { ...get(`${LOGS}?stdout=1`), ...created },
    { ...get("/containers/nosuch/logs?stdout=1"), world: "none" },
  ],
  containerChanges: [
    { ...get("/containers/{id}/changes"), ...created },
    { ...get("/containers/{id}/changes"), ...logged },
    { ...get("/containers/nosuch/changes"), world: "none" },
  ],
  containerExport: [{ ...get("/containers/nosuch/export"), world: "none" }],
  containerStats: ["stream", "one-shot"].flatMap((param) =>
    each({ ...get("/containers/nosuch/stats"), world: "none" }, param, ["0"]),
  ),
  containerResize: [running, exited].flatMap((world) => [
    ...["h", "w"].flatMap((param) =>
      each(
        { ...post("/containers/{id}/resize"), ...world, shared: true },
        param,
        ["", "0", "10", "-1", "x", "1.5", "65536", "4294967296", "99999999999999999999"],
        [[param === "h" ? "w" : "h", "10"]],
      ),
    ),
    { ...post("/containers/{id}/resize"), ...world, shared: true },
  ]),
  containerStart: [
    ...WORLDS.map((world) => ({ ...post("/containers/{id}/start"), ...world })),
    ...each({ ...post("/containers/{id}/start"), ...created }, "detachKeys", ["ctrl-a", "nosuch"]),
    ...["checkpoint", "checkpoint-dir"].flatMap((param) =>
      each({ ...post("/containers/{id}/start"), ...created }, param, ["nosuch"]),
    ),
    { ...post("/containers/{id}/start"), ...created, body: {} },
    { ...post("/containers/{id}/start"), ...created, body: { Memory: 1 } },
    { ...post("/containers/nosuch/start"), world: "none" },
  ],
  containerStop: [
    ...WORLDS.flatMap((world) =>
      each({ ...post("/containers/{id}/stop"), ...world }, "t", world === running ? NUMBERS : ["0"]),
    ),
    ...each({ ...post("/containers/{id}/stop"), ...running }, "signal", SIGNALS, [["t", "0"]]),
    ...each({ ...post("/containers/{id}/stop"), ...running }, "signal", ["USR1", "TERM"], [["t", "-1"]]),
    { ...post("/containers/nosuch/stop"), world: "none" },
  ],
  containerRestart: [
    ...WORLDS.flatMap((world) => each({ ...post("/containers/{id}/restart"), ...world }, "t", ["0", "x", "-1"])),
    ...each({ ...post("/containers/{id}/restart"), ...running }, "signal", ["", "KILL", "NOSUCH", "0"], [["t", "0"]]),
    { ...post("/containers/nosuch/restart"), world: "none" },
  ],
  containerKill: [
    ...each({ ...post("/containers/{id}/kill"), ...running }, "signal", SIGNALS),
    ...[created, exited, paused].flatMap((world) =>
      each({ ...post("/containers/{id}/kill"), ...world }, "signal", ["", "TERM", "NOSUCH"]),
    ),
    { ...post("/containers/nosuch/kill"), world: "none" },
  ],
  containerUpdate: [
    ...bodies({ ...post("/containers/{id}/update"), ...created }, "ContainerUpdateBody", {}, [
      {},
      { CpuShares: 512 },
      { CpuShares: -1 },
      { CpuShares: 1 },
      { Memory: 64 * MIB },
      { Memory: 1 },
      { Memory: -1 },
      { Memory: 64 * MIB, MemorySwap: 1 },
      { Memory: 64 * MIB, MemorySwap: -1 },
      { MemorySwap: 64 * MIB },
      { MemorySwap: -1 },
      { MemoryReservation: 32 * MIB },
      { MemoryReservation: 1 },
      { MemorySwappiness: 10 },
      { MemorySwappiness: 101 },
      { NanoCpus: 500_000_000 },
      { NanoCpus: -1 },
      { NanoCpus: 1, CpuQuota: 1000 },
      { CpuPeriod: 50_000 },
      { CpuPeriod: 1 },
      { CpuQuota: 20_000 },
      { CpuQuota: 1 },
      { CpuQuota: -1 },
      { CpusetCpus: "0" },
      { CpusetCpus: "99" },
      { CpusetCpus: "x" },
      { CpusetMems: "0" },
      { CpusetMems: "9" },
      { CpuRealtimePeriod: 1_000_000 },
      { CpuRealtimeRuntime: 1 },
      { PidsLimit: 50 },
      { PidsLimit: -1 },
      { PidsLimit: 0 },
      { BlkioWeight: 100 },
      { BlkioWeight: 1 },
      { KernelMemory: 64 * MIB },
      { KernelMemoryTCP: 64 * MIB },
      { OomKillDisable: true },
      { Init: true },
      { Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }] },
      { CpuCount: 1 },
      { CpuPercent: 1 },
      { IOMaximumIOps: 1 },
      { IOMaximumBandwidth: 1 },
      { Devices: [{ PathOnHost: "/dev/null" }] },
      { DeviceCgroupRules: ["c 1:3 r"] },
      { CgroupParent: "/x" },
      { BlkioDeviceReadBps: [{ Path: "/dev/null", Rate: 1 }] },
      { RestartPolicy: { Name: "always" } },
      { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } },
      { RestartPolicy: { Name: "always", MaximumRetryCount: 3 } },
      { RestartPolicy: { Name: "nosuch" } },
      { RestartPolicy: { Name: "on-failure", MaximumRetryCount: -1 } },
      { RestartPolicy: {} },
      { RestartPolicy: { MaximumRetryCount: 3 } },
      { Nosuch: 1 },
    ]),
    ...[
      {},
      { Memory: 64 * MIB },
      { Memory: 64 * MIB, MemorySwap: 64 * MIB },
      { NanoCpus: 500_000_000 },
      { CpusetCpus: "0" },
      { PidsLimit: 50 },
      { CpuShares: 512 },
      { RestartPolicy: { Name: "unless-stopped" } },
      { MemoryReservation: 32 * MIB },
      { CpuQuota: 20_000, CpuPeriod: 50_000 },
    ].map((body) => ({ ...post("/containers/{id}/update"), ...running, body })),
    { ...post("/containers/nosuch/update"), world: "none", body: {} },
  ],
  containerRename: [
    ...each({ ...post("/containers/{id}/rename"), ...created }, "name", [
      "",
      "a",
      "-bad",
      "bad name",
      "berth-matrix-peer",
      "/berth-matrix-peer",
      "/",
      "berth-matrix-renamed",
      "/berth-matrix-renamed",
    ]),
    { ...post("/containers/{id}/rename"), ...created },
    ...each({ ...post("/containers/nosuch/rename"), world: "none" }, "name", ["berth-matrix-x"]),
  ],
  containerPause: [
    ...WORLDS.map((world) => ({ ...post("/containers/{id}/pause"), ...world })),
    { ...post("/containers/nosuch/pause"), world: "none" },
  ],
  containerUnpause: [
    ...WORLDS.map((world) => ({ ...post("/containers/{id}/unpause"), ...world })),
    { ...post("/containers/nosuch/unpause"), world: "none" },
  ],
  containerAttach: [
    ...["logs", "stream", "stdin", "stdout", "stderr"].flatMap((param) =>
      each({ ...post("/containers/{id}/attach"), ...logged }, param, ["0", "1"]),
    ),
    ...each({ ...post("/containers/{id}/attach"), ...logged }, "detachKeys", ["nosuch", "ctrl-a", "ctrl-"]),
    { ...post("/containers/{id}/attach?logs=1&stdout=1"), ...logged },
    { ...post("/containers/nosuch/attach"), world: "none" },
  ],
  containerAttachWebsocket: [
    ...["logs", "stream", "stdin", "stdout", "stderr"].flatMap((param) =>
      each({ ...get("/containers/nosuch/attach/ws"), world: "none" }, param, ["0"]),
    ),
    ...each({ ...get("/containers/{id}/attach/ws"), ...logged }, "detachKeys", ["nosuch"]),
  ],
  containerWait: [
    ...each({ ...post("/containers/{id}/wait"), ...logged }, "condition", ["", "not-running", "nosuch", "NOT-RUNNING"]),
    { ...post("/containers/{id}/wait"), ...created },
    { ...post("/containers/nosuch/wait"), world: "none" },
  ],
  containerDelete: [
    ...WORLDS.flatMap((world) =>
      ["v", "force", "link"].flatMap((param) =>
        each({ method: "DELETE", path: "/containers/{id}", ...world }, param, ["0", "1", "x"]),
      ),
    ),
    { method: "DELETE", path: "/containers/nosuch", world: "none" },
    { method: "DELETE", path: "/containers/nosuch?force=1", world: "none" },
  ],
  containerArchiveInfo: each({ method: "HEAD", path: ARCHIVE, ...logged }, "path", PATHS),
  containerArchive: each(
    { ...get(ARCHIVE), ...logged },
    "path",
    PATHS.filter((path) => path !== "/" && path !== ".."),
  ),
  putContainerArchive: [
    ...each({ method: "PUT", path: ARCHIVE, ...created, bytes: FILE }, "path", PATHS),
    ...["noOverwriteDirNonDir", "copyUIDGID"].flatMap((param) =>
      each({ method: "PUT", path: ARCHIVE, ...created, bytes: FILE }, param, BOOLEANS, [["path", "/tmp"]]),
    ),
    ...each(
      { method: "PUT", path: ARCHIVE, ...created, bytes: tar([{ name: "tmp", data: "text" }]) },
      "noOverwriteDirNonDir",
      ["0", "1"],
      [["path", "/"]],
    ),
    ...each({ method: "PUT", path: ARCHIVE, ...created, bytes: Buffer.from("nonsense that is no tar") }, "path", [
      "/tmp",
    ]),
    ...each({ method: "PUT", path: ARCHIVE, ...created, bytes: Buffer.alloc(0) }, "path", ["/tmp"]),
    ...each({ method: "PUT", path: ARCHIVE, ...created, bytes: tar([{ name: "../up", data: "x" }]) }, "path", ["/tmp"]),
    ...each({ method: "PUT", path: ARCHIVE, ...created, bytes: tar([{ name: "/abs", data: "x" }]) }, "path", ["/tmp"]),
  ],
  containerPrune: each(
    { ...post("/containers/prune"), world: "none" },
    "filters",
    filterSets([
      "x",
      "[]",
      { nosuch: ["x"] },
      { until: ["x"] },
      { until: ["1h", "2h"] },
      { label: ["of=nothing"] },
      '{"until":5}',
    ]),
  ),
  imageCommit: [
    ...["nosuch", ""].flatMap((container) => each({ ...post("/commit"), world: "none" }, "container", [container])),
    ...each(
      { ...post("/commit"), ...logged },
      "repo",
      ["", "berth-matrix-made", "Bad", "a b", "berth-matrix-made:tag"],
      [["container", "{id}"]],
    ),
    ...each(
      { ...post("/commit"), ...logged },
      "tag",
      ["", "t", "bad/tag", "-x", "x".repeat(129)],
      [
        ["container", "{id}"],
        ["repo", "berth-matrix-made"],
      ],
    ),
    ...each({ ...post("/commit"), ...logged }, "tag", ["t"], [["container", "{id}"]]),
    ...["comment", "author"].flatMap((param) =>
      each({ ...post("/commit"), ...logged }, param, ["", "a b"], [["container", "{id}"]]),
    ),
    ...each({ ...post("/commit"), ...paused }, "pause", ["0", "1", "x"], [["container", "{id}"]]),
    ...each(
      { ...post("/commit"), ...logged },
      "changes",
      [
        "",
        'CMD ["a","b"]',
        "CMD a b",
        "ENTRYPOINT a",
        'ENTRYPOINT ["a"]',
        "ENV A=1",
        "ENV A 1",
        "ENV",
        "ENV A",
        "EXPOSE 80",
        "EXPOSE 80/udp 81",
        "EXPOSE x",
        "LABEL a=b",
        "LABEL a",
        "LABEL",
        "USER u",
        "USER",
        "VOLUME /a",
        'VOLUME ["/a","/b"]',
        "VOLUME",
        "WORKDIR /a",
        "WORKDIR rel",
        "WORKDIR",
        "ONBUILD RUN true",
        "ONBUILD FROM x",
        "ONBUILD",
        "STOPSIGNAL 9",
        "STOPSIGNAL NOSUCH",
        "HEALTHCHECK NONE",
        "HEALTHCHECK CMD true",
        "HEALTHCHECK --interval=1s CMD true",
        "HEALTHCHECK x",
        'SHELL ["a"]',
        "SHELL a",
        "RUN true",
        "COPY a b",
        "ADD a b",
        "FROM x",
        "MAINTAINER m",
        "ARG a",
        "NOSUCH x",
        "cmd x",
        "ENV A=1\nENV B=2",
        "# comment",
        "ENV A=$A",
      ],
      [["container", "{id}"]],
    ),
    ...bodies({ ...post("/commit?container={id}"), ...logged }, "CommitBody", {}, [
      { Cmd: ["x"] },
      { Labels: { a: "b" } },
      { Env: ["A=1"] },
      { User: "u" },
      { ExposedPorts: { "80/tcp": {} } },
      { Healthcheck: { Test: ["NONE"] } },
    ]),
  ],
  containerExec: [
    ...bodies({ ...post("/containers/{id}/exec"), ...running, shared: true }, "ExecCreateBody", { Cmd: ["true"] }, [
      {},
      { Cmd: [] },
      { Cmd: [""] },
      { Cmd: ["nosuch"] },
      { AttachStdin: true },
      { AttachStdout: true, Cmd: ["echo", "a"] },
      { AttachStdout: true, AttachStderr: true, Cmd: ["nosuch"] },
      { AttachStdout: true, Tty: true, Cmd: ["tty"] },
      { AttachStdout: true, Tty: true, ConsoleSize: [10, 20], Cmd: ["stty", "size"] },
      { ConsoleSize: [1] },
      { ConsoleSize: [10, 20] },
      { DetachKeys: "ctrl-a" },
      { DetachKeys: "nosuch" },
      { DetachKeys: "" },
      { AttachStdout: true, Env: ["A=1"], Cmd: ["sh", "-c", "echo $A"] },
      { Env: ["=x"] },
      { AttachStdout: true, Env: ["PATH"], Cmd: ["/bin/sh", "-c", "echo $PATH"] },
      { AttachStdout: true, Privileged: true, Cmd: ["grep", "CapEff", "/proc/self/status"] },
      { AttachStdout: true, User: "guest", Cmd: ["id"] },
      { AttachStdout: true, AttachStderr: true, User: "nosuch" },
      { AttachStdout: true, AttachStderr: true, User: "1:2", Cmd: ["id", "-u"] },
      { AttachStdout: true, WorkingDir: "/tmp", Cmd: ["pwd"] },
      { AttachStdout: true, AttachStderr: true, WorkingDir: "/nosuch" },
      { AttachStdout: true, AttachStderr: true, WorkingDir: "relative", Cmd: ["pwd"] },
      { AttachStdout: true, Cmd: ["sh", "-c", "exit 7"] },
      { AttachStdout: true, AttachStderr: true, Cmd: ["/etc/passwd"] },
      { AttachStdout: true, AttachStderr: true, Cmd: ["/tmp"] },
    ]),
    ...[created, exited, paused].map((world) => ({
      ...post("/containers/{id}/exec"),
      ...world,
      body: { Cmd: ["true"] },
    })),
    { ...post("/containers/{id}/exec"), ...running, shared: true, body: {} },
    { ...post("/containers/nosuch/exec"), world: "none", body: { Cmd: ["true"] } },
  ],
  execStart: [
    ...bodies({ ...post("/exec/{exec}/start"), ...running, shared: true }, "ExecStartBody", {}, [
      {},
      { Detach: true },
      { Tty: true },
      { ConsoleSize: [10, 20] },
      { Tty: true, ConsoleSize: [10, 20] },
      { Tty: true, ConsoleSize: [1] },
      { Detach: true, ConsoleSize: [1, 2] },
    ]),
    { ...post("/exec/nosuch/start"), world: "none", body: {} },
  ],
  execResize: [
    ...["h", "w"].flatMap((param) =>
      each(
        { ...post("/exec/{exec}/resize"), ...running, shared: true },
        param,
        ["", "x", "-1", "10"],
        [[param === "h" ? "w" : "h", "10"]],
      ),
    ),
    { ...post("/exec/nosuch/resize?h=1&w=1"), world: "none" },
  ],
  execInspect: [
    { ...get("/exec/{exec}/json"), ...running, shared: true },
    { ...get("/exec/nosuch/json"), world: "none" },
  ],
};

/** For each parameter that an attempt has, the first such attempt with the parameter once more, with another value. */
function twiceEach(attempts: readonly OperationAttempt[]): OperationAttempt[] {
  const seen = new Set<string>();
  return attempts.flatMap((attempt) => {
    const [, param, value] = /\?(\w[\w-]*)=([^&]*)/.exec(attempt.path) ?? [];
    if (param === undefined || value === "" || seen.has(param)) return [];
    seen.add(param);
    return [{ ...attempt, path: `${attempt.path}&${param}=x` }];
  });
}

/** Attempts at each operation of containers, of create only at its parameters, by the operation's name. */
export const OPERATIONS: Readonly<Record<string, readonly OperationAttempt[]>> = Object.fromEntries(
  Object.entries(ATTEMPTS).map(([name, attempts]) => {
    const kinds = parametersInKinds()
      .filter(({ operation }) => operation === name)
      .flatMap(({ param, type }) => Object.values(kindsOfParameter(name, param, type)).flat());
    const all = [...attempts, ...twiceEach(attempts), ...kinds];
    return [name, [...new Map(all.map((each) => [operationKey(each), each])).values()]];
  }),
);

function contentsOf(bytes: Buffer): string {
  return bytes.length < 512 ? `${bytes.length} bytes` : `a tar of ${tarNames(bytes).join(" ")}`;
}

/** The same in every run: what is asked, and of what. */
export function operationKey({ method, path, world, body, bytes }: OperationAttempt): string {
  const sent = body === undefined ? (bytes === undefined ? "" : ` ${contentsOf(bytes)}`) : ` ${JSON.stringify(body)}`;
  const place = path.length <= 220 ? path : `${path.slice(0, 160)}… (${path.length})`;
  const text = sent.length <= 300 ? sent : `${sent.slice(0, 160)}… (${sent.length})`;
  return `${world === "none" ? "" : `${world}: `}${method} ${place}${text}`;
}
