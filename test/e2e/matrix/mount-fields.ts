import type { FieldTable } from "./types.ts";

const TYPES = ["bind", "volume", "tmpfs", "image", "npipe", "cluster"];
const OPTIONS = ["BindOptions", "VolumeOptions", "TmpfsOptions", "ImageOptions", "ClusterOptions"];
/** A source that each type of mount takes. */
const SOURCES: Readonly<Record<string, string>> = {
  bind: "/usr/share",
  image: "busybox:local",
  volume: "{prefix}-vol",
};
const ofType = (Type: string, more: Record<string, unknown> = {}) => ({
  Type,
  Target: "/x",
  Source: SOURCES[Type] ?? "",
  ...more,
});

/** Members of mounts and of endpoints' settings. */
export const MOUNT_FIELDS: FieldTable = {
  Mount: {
    Target: { values: ["", "/", "/x", "relative", "/x/../y", "/x/", "."] },
    Source: {
      values: ["", "/usr/share", "/nosuch-of-matrix", "relative", "/usr/../etc", "~"],
      together: [
        ...["", "{prefix}-vol", "a", "bad name", "/usr/share"].map((Source) => ({ Type: "volume", Source })),
        ...["", "/usr/share"].map((Source) => ({ Type: "tmpfs", Source })),
        ...["", "nosuch:image", "busybox:local", "Bad Name"].map((Source) => ({ Type: "image", Source })),
      ],
    },
    Type: { values: ["", "nosuch", "BIND"], together: TYPES.map((Type) => ofType(Type)) },
    ReadOnly: {
      values: [true, false],
      together: [
        ...TYPES.map((Type) => ofType(Type, { ReadOnly: true })),
        { Type: "volume", Source: "", ReadOnly: true },
      ],
    },
    Consistency: { values: ["", "default", "consistent", "cached", "delegated", "nosuch"] },
    BindOptions: { values: [{}, null], together: TYPES.map((Type) => ofType(Type, { BindOptions: {} })) },
    VolumeOptions: { values: [{}, null], together: TYPES.map((Type) => ofType(Type, { VolumeOptions: {} })) },
    ImageOptions: { values: [{}, null], together: TYPES.map((Type) => ofType(Type, { ImageOptions: {} })) },
    TmpfsOptions: {
      values: [{}, null],
      together: [
        ...TYPES.map((Type) => ofType(Type, { TmpfsOptions: {} })),
        ...OPTIONS.slice(0, 3).flatMap((one) =>
          OPTIONS.slice(0, 3)
            .filter((other) => other > one)
            .map((other) => ofType("bind", { [one]: {}, [other]: {} })),
        ),
      ],
    },
  },
  MountBindOptions: {
    Propagation: { values: ["", "private", "rprivate", "shared", "rshared", "slave", "rslave", "nosuch", "SHARED"] },
    NonRecursive: { values: [true, false] },
    CreateMountpoint: { values: [true, false] },
    ReadOnlyNonRecursive: {
      values: [true, false],
      together: [
        { ReadOnlyNonRecursive: true, ReadOnlyForceRecursive: true },
        { ReadOnlyNonRecursive: true, NonRecursive: true },
      ],
    },
    ReadOnlyForceRecursive: {
      values: [true, false],
      together: [
        { ReadOnlyForceRecursive: true, NonRecursive: true },
        { ReadOnlyForceRecursive: true, Propagation: "rprivate" },
        { ReadOnlyForceRecursive: true, Propagation: "rshared" },
      ],
    },
  },
  MountVolumeOptions: {
    NoCopy: { values: [true, false] },
    Labels: { values: [{}, { a: "b" }] },
    DriverConfig: { values: [{}, null] },
    Subpath: { values: ["", "a", "a/b", "/a", "../a", "a/../b", "a/../../b", "."] },
  },
  MountVolumeOptionsDriverConfig: {
    Name: { values: ["", "local", "nosuch"] },
    Options: { values: [{}, { type: "tmpfs", device: "tmpfs" }, { nosuch: "1" }, { type: "tmpfs" }] },
  },
  MountImageOptions: { Subpath: { values: ["", "etc", "/etc", "../a", "nosuch"] } },
  MountTmpfsOptions: {
    SizeBytes: { values: [0, 1, 65536, -1, 9223372036854775000] },
    Mode: { values: [0, 448, 1023, 511, 4294967296, -1] },
    Options: {
      values: [
        [],
        [["noexec"]],
        [["exec"]],
        [["uid", "5"]],
        [["nosuch"]],
        [[]],
        [["a", "b", "c"]],
        [["size", "1m"]],
        [["ro"]],
      ],
    },
  },
  NetworkingConfig: {
    EndpointsConfig: {
      values: [
        {},
        null,
        { bridge: {} },
        { default: {} },
        { bridge: null },
        { nosuch: {} },
        { host: {} },
        { none: {} },
        { "{network}": {} },
        { "{network}": {}, bridge: {} },
        { "": {} },
        { "{network}": null },
      ],
    },
  },
  EndpointSettings: {
    IPAMConfig: { values: [{}, null] },
    Links: { values: [[], ["{peer}:a"], ["nosuch:a"]] },
    MacAddress: { values: ["", "02:42:ac:11:00:09", "nonsense", "02-42-AC-11-00-09"] },
    Aliases: { values: [[], ["a"], ["a", "a"], [""], ["bad name"]] },
    DriverOpts: {
      values: [
        {},
        { a: "b" },
        { "com.docker.network.endpoint.ifname": "x0" },
        { "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1" },
      ],
    },
    GwPriority: { values: [0, 1, -1] },
    NetworkID: { values: ["", "x"] },
    EndpointID: { values: ["", "x"] },
    Gateway: { values: ["", "10.0.0.1", "x"] },
    IPAddress: { values: ["", "10.0.0.1", "x"] },
    IPPrefixLen: { values: [0, 24, -1] },
    IPv6Gateway: { values: ["", "x"] },
    GlobalIPv6Address: { values: ["", "x"] },
    GlobalIPv6PrefixLen: { values: [0, 64] },
    DNSNames: { values: [[], ["a"]] },
  },
  EndpointIPAMConfig: {
    IPv4Address: {
      values: ["", "10.214.19.77", "10.1.1.1", "nonsense", "::1", "0.0.0.0", "10.214.19.0", "10.214.19.255"],
    },
    IPv6Address: { values: ["", "2001:db8::1", "nonsense", "10.1.1.1"] },
    LinkLocalIPs: { values: [[], ["169.254.1.1"], ["nonsense"], ["10.1.1.1"], ["fe80::1"]] },
  },
};
