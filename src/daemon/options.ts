/**
 * Every option of the daemon, declared once: flag, key in daemon.json, type, default, help. Parsing, `--help`, the check of
 * the configuration file, reload and docs/daemon-options.md come from this table. Names are dockerd's.
 */

export type OptionType = "string" | "bool" | "int" | "bytes" | "list" | "map";

export type OptionValue = string | boolean | number | string[] | Record<string, string> | undefined;

export interface Option {
  /** Long flag without dashes; undefined for keys that only the file has. */
  flag: string | undefined;
  short?: string;
  /** Key in daemon.json; undefined for flags that the file does not have. */
  key: string | undefined;
  type: OptionType;
  default?: OptionValue;
  /** Allowed values of a string. */
  values?: readonly string[];
  help: string;
  /** Read again on SIGHUP. */
  reload?: boolean;
  /**
   * What berth does not do yet or never will: a value other than the default is refused with this reason.
   */
  refused?: string;
}

const LATER = "berth does not support it yet";

const OPTION_TABLE = {
  "add-runtime": {
    flag: "add-runtime",
    key: "runtimes",
    type: "map",
    reload: true,
    help: "Register another OCI runtime, as name=path",
  },
  "allow-direct-routing": {
    flag: "allow-direct-routing",
    key: "allow-direct-routing",
    type: "bool",
    default: false,
    refused: LATER,
    help: "Let neighbours reach container ports that are not published",
  },
  "authorization-plugin": {
    flag: "authorization-plugin",
    key: "authorization-plugins",
    type: "list",
    refused: LATER,
    help: "Authorization plugins to load",
  },
  bip: { flag: "bip", key: "bip", type: "string", default: "", help: "Address and prefix of the default bridge" },
  bridge: {
    flag: "bridge",
    short: "b",
    key: "bridge",
    type: "string",
    default: "",
    help: 'Name of the default bridge ("none": no default bridge)',
  },
  "bridge-prefix": {
    flag: "bridge-prefix",
    key: "bridge-prefix",
    type: "string",
    default: "br-",
    help: "First part of the names of the bridges of user-defined networks",
  },
  "cgroup-parent": {
    flag: "cgroup-parent",
    key: "cgroup-parent",
    type: "string",
    default: "",
    help: "Parent cgroup of all containers",
  },
  "config-file": {
    flag: "config-file",
    key: undefined,
    type: "string",
    default: "/etc/berth/daemon.json",
    help: "Configuration file",
  },
  "data-root": {
    flag: "data-root",
    key: "data-root",
    type: "string",
    default: "/var/lib/berth",
    help: "Folder of everything that lasts",
  },
  debug: {
    flag: "debug",
    short: "D",
    key: "debug",
    type: "bool",
    default: false,
    reload: true,
    help: "Log at debug level",
  },
  "default-address-pool": {
    flag: "default-address-pool",
    key: "default-address-pools",
    type: "list",
    help: "Pools of subnets for new networks, as base=CIDR,size=N",
  },
  "default-cgroupns-mode": {
    flag: "default-cgroupns-mode",
    key: "default-cgroupns-mode",
    type: "string",
    default: "",
    values: ["", "host", "private"],
    reload: true,
    help: "Cgroup namespace of containers (default: host on cgroup v1, private on v2)",
  },
  "default-ipc-mode": {
    flag: "default-ipc-mode",
    key: "default-ipc-mode",
    type: "string",
    default: "private",
    values: ["private", "shareable"],
    reload: true,
    help: "IPC mode of containers",
  },
  "default-runtime": {
    flag: "default-runtime",
    key: "default-runtime",
    type: "string",
    default: "berth",
    reload: true,
    help: "Runtime of containers that name none",
  },
  "default-shm-size": {
    flag: "default-shm-size",
    key: "default-shm-size",
    type: "bytes",
    default: 67108864,
    reload: true,
    help: "Size of /dev/shm",
  },
  "default-stop-timeout": {
    flag: "default-stop-timeout",
    key: "default-stop-timeout",
    type: "int",
    default: 10,
    reload: true,
    help: "Seconds from the stop signal to SIGKILL",
  },
  "default-ulimit": {
    flag: "default-ulimit",
    key: "default-ulimits",
    type: "map",
    help: "Limits of containers, as name=soft[:hard]",
  },
  dns: { flag: "dns", key: "dns", type: "list", help: "Name servers of containers" },
  "dns-opt": { flag: "dns-opt", key: "dns-opts", type: "list", help: "Resolver options of containers" },
  "dns-search": { flag: "dns-search", key: "dns-search", type: "list", help: "Search domains of containers" },
  "exec-opt": {
    flag: "exec-opt",
    key: "exec-opts",
    type: "list",
    help: "Runtime options: native.cgroupdriver=cgroupfs",
  },
  "exec-root": {
    flag: "exec-root",
    key: "exec-root",
    type: "string",
    default: "/run/berth",
    help: "Folder of what lasts until the host stops",
  },
  experimental: {
    flag: "experimental",
    key: "experimental",
    type: "bool",
    default: false,
    help: "Report experimental mode to clients",
  },
  "fixed-cidr": {
    flag: "fixed-cidr",
    key: "fixed-cidr",
    type: "string",
    default: "",
    help: "Addresses for containers within the default bridge's subnet",
  },
  group: {
    flag: "group",
    short: "G",
    key: "group",
    type: "string",
    default: "",
    help: 'Group of the unix socket (default: "berth", else "docker", else root)',
  },
  help: { flag: "help", short: "h", key: undefined, type: "bool", default: false, help: "Print this text" },
  host: {
    flag: "host",
    short: "H",
    key: "hosts",
    type: "list",
    help: "Where to listen: unix://PATH, tcp://HOST:PORT or fd://",
  },
  "host-gateway-ip": {
    flag: "host-gateway-ip",
    key: "host-gateway-ips",
    type: "list",
    help: "What host-gateway stands for in --add-host",
  },
  icc: {
    flag: "icc",
    key: "icc",
    type: "bool",
    default: true,
    help: "Let containers of the default bridge reach each other",
  },
  init: {
    flag: "init",
    key: "init",
    type: "bool",
    default: false,
    help: "Run an init as PID 1 of containers",
  },
  "insecure-registry": {
    flag: "insecure-registry",
    key: "insecure-registries",
    type: "list",
    reload: true,
    help: "Registries (host[:port] or CIDR) that may be asked over plain http",
  },
  ip: {
    flag: "ip",
    key: "ip",
    type: "string",
    default: "0.0.0.0",
    help: "Host address of published ports that name none",
  },
  "ip-forward": {
    flag: "ip-forward",
    key: "ip-forward",
    type: "bool",
    default: true,
    help: "Turn on net.ipv4.ip_forward",
  },
  "ip-masq": {
    flag: "ip-masq",
    key: "ip-masq",
    type: "bool",
    default: true,
    help: "Masquerade what leaves the bridges",
  },
  iptables: { flag: "iptables", key: "iptables", type: "bool", default: true, help: "Write firewall rules" },
  label: { flag: "label", key: "labels", type: "list", reload: true, help: "Labels of this engine, as key=value" },
  "live-restore": {
    flag: "live-restore",
    key: "live-restore",
    type: "bool",
    default: true,
    reload: true,
    help: "Leave containers running when the daemon stops",
  },
  "log-driver": {
    flag: "log-driver",
    key: "log-driver",
    type: "string",
    default: "json-file",
    help: "Log driver of containers that name none",
  },
  "log-format": {
    flag: "log-format",
    key: "log-format",
    type: "string",
    default: "text",
    values: ["text", "json"],
    help: "Form of the daemon's own log",
  },
  "log-level": {
    flag: "log-level",
    short: "l",
    key: "log-level",
    type: "string",
    default: "info",
    values: ["debug", "info", "warn", "error", "fatal"],
    help: "Lowest level that is logged",
  },
  "log-opt": { flag: "log-opt", key: "log-opts", type: "map", help: "Log options of containers that name no driver" },
  "max-concurrent-downloads": {
    flag: "max-concurrent-downloads",
    key: "max-concurrent-downloads",
    type: "int",
    default: 3,
    reload: true,
    help: "Layers of one pull at a time",
  },
  "max-concurrent-uploads": {
    flag: "max-concurrent-uploads",
    key: "max-concurrent-uploads",
    type: "int",
    default: 5,
    reload: true,
    help: "Layers of one push at a time",
  },
  "max-download-attempts": {
    flag: "max-download-attempts",
    key: "max-download-attempts",
    type: "int",
    default: 5,
    reload: true,
    help: "Tries for one layer",
  },
  mtu: { flag: "mtu", key: "mtu", type: "int", default: 1500, help: "MTU of the default bridge and its containers" },
  "no-new-privileges": {
    flag: "no-new-privileges",
    key: "no-new-privileges",
    type: "bool",
    default: false,
    help: "Set no-new-privileges for containers by default",
  },
  pidfile: {
    flag: "pidfile",
    short: "p",
    key: "pidfile",
    type: "string",
    default: "/run/berth.pid",
    help: "File for the daemon's pid",
  },
  "registry-mirror": {
    flag: "registry-mirror",
    key: "registry-mirrors",
    type: "list",
    reload: true,
    help: "Mirrors of docker.io",
  },
  "seccomp-profile": {
    flag: "seccomp-profile",
    key: "seccomp-profile",
    type: "string",
    default: "builtin",
    help: 'Default seccomp profile: a file, "builtin" or "unconfined"',
  },
  "shutdown-timeout": {
    flag: "shutdown-timeout",
    key: "shutdown-timeout",
    type: "int",
    default: 15,
    reload: true,
    help: "Seconds that containers get when the daemon stops them",
  },
  "storage-driver": {
    flag: "storage-driver",
    short: "s",
    key: "storage-driver",
    type: "string",
    default: "",
    values: ["", "overlay2", "vfs"],
    help: "How layers are stacked (default: overlay2 where it works, else vfs)",
  },
  tls: { flag: "tls", key: "tls", type: "bool", default: false, help: "Use TLS on tcp" },
  tlscacert: {
    flag: "tlscacert",
    key: "tlscacert",
    type: "string",
    default: "",
    help: "CA that clients' certificates must be signed by",
  },
  tlscert: { flag: "tlscert", key: "tlscert", type: "string", default: "", help: "Certificate" },
  tlskey: { flag: "tlskey", key: "tlskey", type: "string", default: "", help: "Key" },
  tlsverify: {
    flag: "tlsverify",
    key: "tlsverify",
    type: "bool",
    default: false,
    help: "Use TLS and demand clients' certificates",
  },
  "allow-plain-tcp": {
    flag: "allow-plain-tcp",
    key: "allow-plain-tcp",
    type: "bool",
    default: false,
    help: "Listen on tcp without TLS: everyone who can connect is root",
  },
  "userland-proxy": {
    flag: "userland-proxy",
    key: "userland-proxy",
    type: "bool",
    default: true,
    help: "Relay connections to [::] and [::1] to containers that have IPv4 only",
  },
  "userns-remap": {
    flag: "userns-remap",
    key: "userns-remap",
    type: "string",
    default: "",
    refused: LATER,
    help: "Map containers' users to those of USER[:GROUP]",
  },
  validate: {
    flag: "validate",
    key: undefined,
    type: "bool",
    default: false,
    help: "Check the configuration and exit",
  },
  version: {
    flag: "version",
    short: "v",
    key: undefined,
    type: "bool",
    default: false,
    help: "Print the version and exit",
  },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTION_TABLE;

export const OPTIONS: Readonly<Record<OptionName, Option>> = OPTION_TABLE;

type ValueOf<T extends Option> = T["type"] extends "bool"
  ? boolean
  : T["type"] extends "int" | "bytes"
    ? number
    : T["type"] extends "list"
      ? string[]
      : T["type"] extends "map"
        ? Record<string, string>
        : string;

/** The daemon's configuration: one value for each option. */
export type DaemonConfig = { readonly [K in OptionName]: ValueOf<(typeof OPTION_TABLE)[K]> };
