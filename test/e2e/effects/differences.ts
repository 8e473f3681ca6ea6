import type { MatrixDifference } from "../matrix/differences.ts";

/** Lines `KEY: PART: OURS instead of THEIRS` that stay, and why berth is right or cannot be the same. */
export const EFFECT_DIFFERENCES: readonly MatrixDifference[] = [
  {
    lines: / events network disconnect type=bridge: - instead of 1$/,
    reason: "a network that was not connected is not told as disconnected: the start failed before it",
  },
  {
    lines: /: status: 400 instead of 500$/,
    reason: "what a client got wrong is 400: one that tries again after a 500 would never end",
  },
  {
    lines: /^Mount(ImageOptions)?\..*: told mounts \/x ro,relatime /,
    reason: "an image of one layer is mounted as the directory that it is",
  },
  {
    lines: /^EndpointSettings\.NetworkID=/,
    reason: "the name says which network it is; the engine says what id that has",
  },
  {
    lines: /^EndpointIPAMConfig\.LinkLocalIPs=\["fe80::1"\]:/,
    reason: "an interface without IPv6 of its network takes an address of its link, as it is asked to",
  },
  { lines: /^EndpointSettings\.(Links|Aliases)=\[""\]:/, reason: "an empty text links to nothing, and is no name" },
  {
    lines: /^ContainerCreateBody\.\W*NetworkDisabled.*: (told|inspect|events network) /,
    reason: "no network, asked for in the older way, is the network mode none, with its files",
  },
  {
    lines: /^ContainerCreateBody\.(StopSignal="(-1|65)"|Volumes=\{"\/?":|(Host|Domain)name="\\u0000")/,
    reason:
      "refused: a signal that cannot be sent, a volume in the root's place, a name that the kernel or the namespace does not take",
  },
  {
    lines: /^ContainerCreateBody\.Domainname="a\\nb": told sysctl kernel\/domainname:b: "more"/,
    reason: "the name is set as it is: written to the kernel's file, it ends with its first line",
  },
  {
    lines: /^HostConfig\.(CpusetMems="1"|CgroupParent="(\\u0000|a\\nb)"|UsernsMode=.*|Cgroup=.*):/,
    reason: "refused when it is asked for, since no start would take it",
  },
  {
    lines: /^HostConfig\.CpuShares=(1|262145|9223372036854775000):/,
    reason: "the kernel reads the nearest number of shares that it knows for anything else",
  },
  {
    lines: /^HostConfig\.CpuRealtime(Period|Runtime)=-1:/,
    reason: "nothing less than none is asked of the kernel",
  },
  {
    lines:
      /^HostConfig\.\W*(CpuRealtime(Period|Runtime)|CpuQuota|PidsLimit|BlkioDevice\w+|CgroupParent).*: message: "failed to create task /,
    reason: "what the kernel refused is told by the write that failed, without where runc did it",
  },
  {
    lines: /^HostConfig\.CgroupParent="(matrix-parent|matrix\.slice)": told (cgroup|mounts) /,
    reason: "a parent without a slash is beneath the root of each hierarchy, wherever the daemon was started",
  },
  {
    lines: /^HostConfig\.Init=true: told mounts \/sbin\/docker-init /,
    reason: "the init is berth's own, and stands where its other programs do",
  },
  {
    lines: /^HostConfig\.Binds=\["\/usr\/share:\/proc"\]: message:/,
    reason: "errors name a path as the container knows it",
  },
  {
    lines: /^\w+\.MacAddress="(01:00:5e:00:00:01|00:00:00:00:00:00)": message:/,
    reason: "an address that the kernel refuses is told by its error",
  },
  {
    lines: /^HostConfig\.CgroupParent="\.\.\/x":/,
    reason: "a parent that climbs out of the hierarchy is refused: Docker makes one of it that was not asked for",
  },
  {
    lines: /^(HostConfig\.PortBindings|PortBinding\.\w+|PortBinding\.\{).*: inspect NetworkSettings\.Ports\./,
    reason: "a port that is to be published is, also when nobody exposed it: Docker takes it and does nothing",
  },
  {
    lines: /^(HostConfig\.PortBindings=\{"(0\/tcp|80\/nosuch|\/tcp|)"|PortBinding\.HostIp=)/,
    reason: "and one that cannot be is refused",
  },
  {
    lines:
      /^\w+\..*(AutoRemove|removal at the end).*: told mounts \/ rw,relatime {2}overlay overlay rw(,fsync=volatile)? \/:/,
    reason: "what goes with the container need not outlive the machine",
  },
  {
    lines: /^HostConfig\.\{"Mounts":\[\{"Type":"tmpfs","Target":"\/x"\}\],"Tmpfs":\{"\/x":""\}\}:/,
    reason: "two mounts of one place are refused, however they are asked for",
  },
  { lines: /^HostConfig\.IpcMode="container:": /, reason: "there is no container without a name" },
  {
    lines: /^HostConfig\.OomScoreAdj=-\d+: message:/,
    reason: "what the kernel wants for it is told",
  },
  {
    lines: /^HostConfig\.SecurityOpt=\["seccomp=(\{|\/nosuch)"\]: message:/,
    reason: "the reader of JSON has words of its own",
  },
  {
    lines: /^HostConfig\.Tmpfs=\{"\/x":"(nosuch|bind|a=b)"\}: message:/,
    reason: "what a file system says of its options is the kernel's to tell",
  },
  {
    lines: /^HostConfig\.Runtime="io\.containerd\.nosuch\.v1":/,
    reason: "there is no containerd that would look for a shim at the start: what is no runtime is refused at once",
  },
  {
    lines:
      /^(HostConfig\.(Masked|Readonly)Paths|ThrottleDevice\.(Path|Rate)|DeviceMapping\.Path(OnHost|InContainer)).*: message:/,
    reason: "a path that is none, and a device that has no rate, are told by the kernel's error",
  },
  {
    lines: /^DeviceMapping\.CgroupPermissions=/,
    reason: "permissions are the kernel's to judge: none are none, and a letter that is none is refused",
  },
  { lines: /^DeviceRequest\.Driver="cdi":/, reason: "there are no CDI devices" },
  {
    lines: /^HostConfigLogConfig\.Type="(syslog|fluentd)": /,
    reason: "a container starts also when its log's receiver is away: entries wait on disk",
  },
  { lines: /^HostConfigLogConfig\.Type="splunk": /, reason: "this log driver is not there" },
  {
    lines: /^HostConfigLogConfig\.Config=\{"(max-size":"(-1|0)|compress":"true)"\}:/,
    reason: "logs are rotated unless that is not wanted",
  },
  {
    lines: /^HostConfigLogConfig\.Config=\{"(compress|labels-regex|env-regex|cache-disabled)":/,
    reason: "options of a log are checked before the start, and those of a cache are unknown",
  },
  {
    lines: /^MountBindOptions\.\{"ReadOnlyNonRecursive":true,"ReadOnlyForceRecursive":true\}:/,
    reason: "two wishes that exclude each other are refused when they are uttered, not at the start",
  },
  {
    lines: /^Mount(Volume|Image)Options\.Subpath=.*: (message:|status: 40\d instead of|events volume (un)?mount )/,
    reason: "a place that is not there is told when it is to be mounted",
  },
  {
    lines: /^MountVolumeOptionsDriverConfig\.Options=.*: told mounts \/x rw,relatime (master)? ?tmpfs /,
    reason: "what is mounted on the host later does not come into a running container",
  },
];
