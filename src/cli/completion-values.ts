import { constants } from "node:os";
import type { ContainerSummary, ImageSummary, NetworkSummary, SystemInfo, VolumeListResponse } from "../api/index.ts";
import { listContexts } from "../client/index.ts";
import type { Completes, Context } from "./command.ts";

/** What a flag's value may be: words, objects of the engine, or what is to be asked; several of them together. */
type Values = Completes | readonly string[] | ((context: Context) => Promise<readonly string[]>);

const split = (text: string): readonly string[] => text.split(" ");

const info = async (context: Context): Promise<SystemInfo> =>
  await (await context.client()).json<SystemInfo>("GET", "/info");

const signals = async (): Promise<readonly string[]> =>
  Object.keys(constants.signals).flatMap((name) => [name, name.replace(/^SIG/, "")]);

const CAPABILITIES = split(
  "ALL CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_BLOCK_SUSPEND CAP_BPF CAP_CHECKPOINT_RESTORE CAP_CHOWN " +
    "CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_IPC_LOCK CAP_IPC_OWNER CAP_KILL CAP_LEASE " +
    "CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_MKNOD CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_NET_BROADCAST " +
    "CAP_NET_RAW CAP_PERFMON CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYSLOG CAP_SYS_ADMIN CAP_SYS_BOOT " +
    "CAP_SYS_CHROOT CAP_SYS_MODULE CAP_SYS_NICE CAP_SYS_PACCT CAP_SYS_PTRACE CAP_SYS_RAWIO CAP_SYS_RESOURCE CAP_SYS_TIME " +
    "CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM",
);
const RESTART = split("no always on-failure unless-stopped");

/** By the flag's long name. One that is not here has values that nobody can list; shells offer files. */
const FLAG_VALUES: Readonly<Record<string, readonly Values[]>> = {
  attach: [split("stderr stdin stdout")],
  "cap-add": [CAPABILITIES],
  "cap-drop": [CAPABILITIES],
  cgroupns: [split("host private")],
  context: ["contexts"],
  env: [async ({ io }) => Object.keys(io.env)],
  gpus: [["all"]],
  image: ["images"],
  ipc: [split("container: host none private shareable")],
  link: ["containers"],
  "log-driver": [async (context) => (await info(context)).Plugins?.Log ?? []],
  "log-level": [split("debug info warn error fatal panic")],
  net: ["networks", ["container:"]],
  network: ["networks", ["container:"]],
  pid: [split("container: host")],
  platform: [
    split("linux/386 linux/amd64 linux/arm/v5 linux/arm/v6 linux/arm/v7 linux/arm64 linux/ppc64le linux/s390x"),
  ],
  pull: [split("always missing never")],
  restart: [RESTART],
  runtime: [async (context) => Object.keys((await info(context)).Runtimes ?? {})],
  "security-opt": [split("apparmor= label= no-new-privileges seccomp= systempaths=unconfined")],
  signal: [signals],
  "stop-signal": [signals],
  type: [split("config container image network node plugin secret service task volume")],
  userns: [["host"]],
  uts: [["host"]],
  volume: ["volumes"],
  "volumes-from": ["containers"],
};

/** Flags that may name another container, whose namespace is taken. */
const OF_ANOTHER = split("ipc net network pid");
const HEALTH = split("healthy none starting unhealthy");
const STATUS = split("created dead exited paused removing restarting running");
const EVENT_TYPES = split("container daemon image network volume");

/** Names of `--filter`, by the first of the command's names, with their values where they are known. */
const FILTERS: Readonly<Record<string, Readonly<Record<string, readonly Values[]>>>> = {
  "container ls": {
    ancestor: ["images"],
    before: ["containers"],
    exited: [],
    expose: [],
    health: [HEALTH],
    id: [],
    label: [],
    name: ["containers"],
    network: ["networks"],
    publish: [],
    since: ["containers"],
    status: [STATUS],
    volume: ["volumes"],
  },
  "system events": {
    container: ["containers"],
    daemon: [],
    event: [],
    image: ["images"],
    label: [],
    network: ["networks"],
    scope: [["local"]],
    type: [EVENT_TYPES],
    volume: ["volumes"],
  },
  "image ls": {
    before: ["images"],
    dangling: [split("true false")],
    label: [],
    reference: [],
    since: ["images"],
    until: [],
  },
  "network ls": {
    dangling: [split("true false")],
    driver: [],
    id: [],
    label: [],
    name: ["networks"],
    scope: [["local"]],
    type: [split("builtin custom")],
  },
  "volume ls": { dangling: [split("true false")], driver: [["local"]], label: [], name: ["volumes"] },
};
const PRUNE_FILTERS = { label: [], "label!": [], until: [] };

/**
 * What the value of a flag may become.
 * @param command the first of the command's names, as in the table.
 * @param typed the value so far.
 */
export async function flagValues(
  context: Context,
  command: string,
  flag: string,
  typed: string,
): Promise<readonly string[]> {
  if (flag === "filter") return await filterValues(context, FILTERS[command] ?? pruneFilters(command), typed);
  const other = /^container:(.*)$/s.exec(typed)?.[1];
  if (other !== undefined && OF_ANOTHER.includes(flag))
    return (await objects(context, "containers", other)).map((name) => `container:${name}`);
  return await all(context, FLAG_VALUES[flag] ?? [], typed);
}

const pruneFilters = (command: string) => (command.endsWith("prune") ? PRUNE_FILTERS : {});

async function filterValues(
  context: Context,
  filters: Readonly<Record<string, readonly Values[]>>,
  typed: string,
): Promise<readonly string[]> {
  const equals = typed.indexOf("=");
  if (equals < 0) return Object.keys(filters).map((name) => `${name}=`);
  const name = typed.slice(0, equals);
  const found = await all(context, filters[name] ?? [], typed.slice(equals + 1));
  return found.map((value) => `${name}=${value}`);
}

async function all(context: Context, values: readonly Values[], typed: string): Promise<readonly string[]> {
  const lists = await Promise.all(
    values.map(async (each) => {
      if (typeof each === "function") return await each(context);
      return typeof each === "string" ? await objects(context, each, typed) : each;
    }),
  );
  return lists.flat();
}

const ID_START = /^(?:sha256:)?[0-9a-f]+$/;
const SHORT = 12;

/** An id in the form in which it was begun: none while nothing was typed, the short one while it is enough. */
function idsFor(typed: string, ids: readonly string[]): string[] {
  if (!ID_START.test(typed)) return [];
  const bare = ids.map((id) => id.replace(/^sha256:/, ""));
  if (typed.startsWith("sha256:")) return bare.map((id) => `sha256:${id}`);
  return typed.length > SHORT ? bare : bare.map((id) => id.slice(0, SHORT));
}

/** Names of what there is, and ids as far as one was begun. */
export async function objects(context: Context, kind: Completes, typed: string): Promise<string[]> {
  if (kind === "files") return [];
  if (kind === "shells") return ["bash", "fish", "zsh"];
  if (kind === "switch") return ["off", "on"];
  if (kind === "contexts") return ["default", ...(await listContexts(context.configDirectory)).map(({ Name }) => Name)];
  const client = await context.client();
  switch (kind) {
    case "containers":
    case "running": {
      const query = { all: kind === "containers" };
      const containers = await client.json<ContainerSummary[]>("GET", "/containers/json", { query });
      const names = containers.flatMap(({ Names }) => (Names ?? []).map((name) => name.replace(/^\//, "")));
      const ids = containers.map(({ Id = "" }) => Id);
      return [...names, ...idsFor(typed, ids)];
    }
    case "images": {
      const images = await client.json<ImageSummary[]>("GET", "/images/json");
      const ids = images.map(({ Id }) => Id);
      return [...images.flatMap(({ RepoTags }) => RepoTags ?? []), ...idsFor(typed, ids)];
    }
    case "networks": {
      const networks = await client.json<NetworkSummary[]>("GET", "/networks");
      const ids = networks.map(({ Id = "" }) => Id);
      return [...networks.map(({ Name = "" }) => Name), ...idsFor(typed, ids)];
    }
    case "volumes":
      return ((await client.json<VolumeListResponse>("GET", "/volumes")).Volumes ?? []).map(({ Name }) => Name);
  }
}
