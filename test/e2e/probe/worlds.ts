/** A container whose world is compared: what is asked of the engine beyond image and command. */
export interface World {
  name: string;
  /** Members of the create request. */
  config?: Record<string, unknown>;
  /** Members of its HostConfig; `{peer}` in a string stands for the id of another container that runs. */
  host?: Record<string, unknown>;
  /** The script is run by exec, with these members of the exec request, in a container that sleeps. */
  exec?: Record<string, unknown>;
}

export const WORLDS: readonly World[] = [
  { name: "default" },
  { name: "terminal", config: { Tty: true, OpenStdin: true }, host: { ConsoleSize: [40, 120] } },
  { name: "privileged", host: { Privileged: true } },
  { name: "read-only", host: { ReadonlyRootfs: true } },
  { name: "read-only privileged", host: { ReadonlyRootfs: true, Privileged: true } },
  { name: "user", config: { User: "guest" }, host: { GroupAdd: ["daemon", "77"] } },
  { name: "user by numbers", config: { User: "1234:567" } },
  { name: "network none", host: { NetworkMode: "none" } },
  { name: "network host", host: { NetworkMode: "host" } },
  { name: "network of another", host: { NetworkMode: "container:{peer}" } },
  { name: "ipc host", host: { IpcMode: "host" } },
  { name: "ipc of another", host: { IpcMode: "container:{peer}" } },
  { name: "ipc none", host: { IpcMode: "none" } },
  { name: "pid host", host: { PidMode: "host" } },
  { name: "pid of another", host: { PidMode: "container:{peer}" } },
  { name: "uts host", host: { UTSMode: "host" } },
  { name: "cgroup private", host: { CgroupnsMode: "private" } },
  { name: "capabilities", host: { CapAdd: ["NET_ADMIN", "SYS_PTRACE"], CapDrop: ["CHOWN", "MKNOD"] } },
  { name: "no capabilities", host: { CapDrop: ["ALL"] } },
  {
    name: "mounts",
    config: { Volumes: { "/anonymous": {} } },
    host: {
      Tmpfs: { "/scratch": "", "/sized": "size=64k,mode=700,exec" },
      Mounts: [
        { Type: "tmpfs", Target: "/typed", TmpfsOptions: { SizeBytes: 65536, Mode: 448 } },
        { Type: "volume", Target: "/data" },
      ],
      Binds: ["/usr/share:/bound:ro", "/usr/share:/shared:rprivate"],
      ShmSize: 1048576,
    },
  },
  {
    name: "confinement off",
    host: { SecurityOpt: ["no-new-privileges", "seccomp=unconfined"], MaskedPaths: [], ReadonlyPaths: [] },
  },
  {
    name: "limits",
    host: {
      Memory: 67108864,
      MemoryReservation: 33554432,
      CpuShares: 512,
      CpuPeriod: 50000,
      CpuQuota: 25000,
      PidsLimit: 50,
      CpusetCpus: "0",
      OomScoreAdj: 500,
      Ulimits: [
        { Name: "nofile", Soft: 100, Hard: 200 },
        { Name: "core", Soft: 0, Hard: 0 },
      ],
      Sysctls: { "net.core.somaxconn": "300", "kernel.msgmax": "9000" },
      DeviceCgroupRules: ["c 42:* rm"],
      Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/nothing", CgroupPermissions: "r" }],
    },
  },
  {
    name: "names",
    config: {
      Hostname: "inside",
      Domainname: "probe.example",
      Env: ["A=1", "PATH=/bin", "A=2"],
      WorkingDir: "/made/for/it",
    },
    host: {
      Dns: ["192.0.2.1"],
      DnsSearch: ["probe.example"],
      DnsOptions: ["ndots:2"],
      ExtraHosts: ["other:192.0.2.7"],
    },
  },
  { name: "exec", exec: {} },
  { name: "exec as a user", exec: { User: "guest", Env: ["ADDED=1"], WorkingDir: "/tmp" } },
  { name: "exec privileged", exec: { Privileged: true } },
  { name: "exec with a terminal", exec: { Tty: true, ConsoleSize: [30, 90] } },
  { name: "exec in a confined one", host: { CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"] }, exec: {} },
];
