/** Lines `KEY: PART: OURS instead of THEIRS` that stay, and why berth is right or cannot be the same. */
export interface MatrixDifference {
  lines: RegExp;
  reason: string;
}

export const MATRIX_DIFFERENCES: readonly MatrixDifference[] = [
  // Where berth is another engine.
  {
    lines: /^(plain: plain|HostConfig\.Runtime="runc"( against .*)?: inspect) HostConfig\.Runtime:/,
    reason: "the built-in runtime is not runc",
  },
  {
    lines: /^HostConfig\.Runtime="io\.containerd\.nosuch\.v1":/,
    reason: "there is no containerd that would look for a shim at the start: what is no runtime is refused at once",
  },
  { lines: /^HostConfigLogConfig\.Type="(awslogs|splunk)":/, reason: "these log drivers are not there" },
  { lines: /^HostConfigLogConfig\.Config=\{"cache-/, reason: "logs are not cached beside what a driver keeps" },
  { lines: /"Driver":"cdi".* start message:/, reason: "there are no CDI devices" },
  {
    lines: /^HostConfig\.(Cgroup=|\{"Cgroup")/,
    reason: "another container's cgroup is not joined yet; Docker takes it and does nothing",
  },
  {
    lines: /^(Mount|MountImageOptions)\..* inspect Mounts: .*"Type":"image"/,
    reason: "an image is mounted when the container starts: there is no place on the host to show",
  },
  {
    lines: /^HostConfig\.Binds=\["\/usr\/share:\/proc"\] start: start message:/,
    reason: "errors name a path as the container knows it",
  },

  // What has no effect is told.
  { lines: /^HostConfig\.(\{")?(CpuCount|KernelMemory(TCP)?)(=|").*: warnings:/, reason: "what has no effect is told" },
  { lines: /^EndpointSettings\.(\{")?DriverOpts(=|").*: warnings:/, reason: "what has no effect is told" },
  {
    lines: /^HostConfig\.(\{")?KernelMemoryTCP(=|").* inspect HostConfig\.KernelMemoryTCP: - /,
    reason: "what has no effect is not kept",
  },

  // Mistakes of the client are 400.
  {
    lines: /^\w+: (GET|HEAD|POST|PUT) \/(containers|exec)\/.*: status: 400 instead of 500$/,
    reason: "what a client got wrong is 400: one that tries again after a 500 would never end",
  },

  {
    lines:
      /^created: PUT .*path=%2Fetc%2Fpasswd%2Fx? .*: message: "(extraction point is not a directory|lstat \/etc\/passwd\/x: not a directory)"/,
    reason: "the path of what is no directory is named, or that it is none",
  },
  {
    lines: /attach\/ws(\?.*)?: (message: "not websocket protocol"|status: 400 instead of 404)/,
    reason: "what is no websocket is told before anything is looked up",
  },

  // What cannot work is refused when it is asked for, not later.
  {
    lines: /^MountBindOptions\.\{"ReadOnlyNonRecursive":true,"ReadOnlyForceRecursive":true\}:/,
    reason: "two wishes that exclude each other are refused when they are uttered, not at the start",
  },
  {
    lines: /^HostConfig\.CgroupParent="(\\u0000|a\\nb)":/,
    reason: "a parent that no directory can be called is refused",
  },
  {
    lines: /^ContainerCreateBody\.Volumes=\{"\/?":(\{\}|null)\}:/,
    reason: "a volume in the root's place is refused: no start would mount it",
  },
  {
    lines: /^ContainerCreateBody\.Domainname="example.com" against namespaces of the host:/,
    reason: "a name for the host's own namespace is refused: no start would set it",
  },
  {
    lines: /^ContainerCreateBody\.Image=(""|null):/,
    reason: "a container without an image is refused: every later call would trip over it",
  },
  {
    lines: /^ContainerCreateBody\.StopSignal="(-1|65)":|\/stop\?signal=(-1|65)&t=0: (status|message):/,
    reason: "a signal that cannot be sent is refused: Docker waits in vain and kills",
  },
  {
    lines:
      /^HostConfig\.(UsernsMode="(nosuch|keep-id|\\u0000|a\\nb|x{100}x*… \(5013\))|\{"UsernsMode":"host","usernsmode":"nosuch"\})"?:/,
    reason: "a mode that nobody knows is refused",
  },
  {
    lines: /^HostConfig\.PortBindings=\{"(\/tcp)?":/,
    reason: "a port without a number is refused: nothing would be published",
  },
  {
    lines: /^HostConfig\.(CpusetMems="1"|\{"CpusetMems":"0","cpusetmems":"1"\}):/,
    reason: "memory nodes that are not there are refused before the start",
  },
  {
    lines: /^HostConfigLogConfig\.Config=\{"(compress|labels-regex|env-regex)":/,
    reason: "options of a log are checked before the start",
  },
  {
    lines: /^HostConfig\.\{"Mounts":\[\{"Type":"tmpfs","Target":"\/x"\}\],"Tmpfs":\{"\/x":""\}\}:/,
    reason: "two mounts of one place are refused, however they are asked for",
  },
  {
    lines: /^HostConfig\.Mounts=.*"Target":"\/x\/"\}\]: message: "Duplicate mount point: \/x" /,
    reason: "the place is named as it is mounted",
  },
  {
    lines: /^created: POST \/containers\/\{id\}\/update \{"CpuShares":-1(,"cpushares":null)?\}:/,
    reason: "an update is checked as a create is: Docker keeps what no start will take",
  },
  {
    lines: /^(NetworkingConfig|EndpointSettings|EndpointIPAMConfig)\..* against the host's network: /,
    reason: "another network beside the host's is refused: Docker puts an interface among the host's, and fails",
  },
  {
    lines: /^NetworkingConfig\.EndpointsConfig=\{"host":\{\}\}: /,
    reason: "the host's network is joined with its namespace or not at all: no start would join it",
  },
  {
    lines: /^HostConfig\.\{"StorageOpt":\{"size":"10G"\},"storageopt":\{"nosuch":"1"\}\}: message:/,
    reason: "of two faults Docker tells either",
  },
  {
    lines: /^NetworkingConfig\.EndpointsConfig=\{"(bridge|\{network\}|)":null\}:/,
    reason: "null says nothing, as everywhere else in a body",
  },

  {
    lines: /^running: POST \/containers\/\{id\}\/exec \{"Cmd":\["true"\],"Env":\[("=x"|""|null)\]\}:/,
    reason: "a variable without a name is refused when the command is made, as it is of a container",
  },
  {
    lines: /^running: POST \/exec\/\{exec\}\/resize\?.*: message: "exec process is not started"/,
    reason: "a command that was not started has no terminal: Docker waits ten seconds for it",
  },

  {
    lines: /^logged: GET \/containers\/\{id\}\/logs\?(since|until)=9223372036854775807&/,
    reason: "a far time is far: Docker's clock goes round at some 292 years",
  },
  {
    lines: /^running: POST \/containers\/\{id\}\/(stop|restart)\?t=9223372036854775807: events: .*"kill signal=9"/,
    reason: "a patience without end is one: Docker's runs out at once",
  },
  {
    lines: /^running: GET \/containers\/\{id\}\/top\?ps_args=%00: /,
    reason: "what a client got wrong is 400, and has nothing to do with where ps is",
  },

  {
    lines: /^logged: POST \/commit\?container=\{id\} \{"ArgsEscaped":true/,
    reason: "of how arguments are quoted only Windows knows something",
  },
  {
    lines: /^logged: POST \/commit\?container=\{id\} \{"WorkingDir":/,
    reason: "a working directory is absolute, in an image as in a container",
  },
  {
    lines: /^logged: POST \/commit\?container=\{id\} \{"Entrypoint":""/,
    reason: "an entry point that is nothing, and no command with it, is refused: nothing could be started",
  },

  // What the kernel takes is not refused by rules of runc's.
  { lines: /^HostConfig\.CpuShares=1 start:/, reason: "the kernel reads the least number of shares for anything less" },
  {
    lines: /^DeviceMapping\.CgroupPermissions=("x" start|"" start: stat -c %F \/dev\/x): start /,
    reason: "permissions are the kernel's to judge: none are none, and a letter that is none is refused",
  },
  {
    lines: /^HostConfig\.Sysctls=\{"net\.(nosuch|core\.somaxconn)":.* start: start message:/,
    reason: "runc tells by which descriptor it came to the setting",
  },

  // Docker contradicts itself.
  {
    lines: /^HostConfig\.Memory=9223372036854775000: inspect HostConfig\.MemorySwap: /,
    reason: "twice as much is more than there are numbers for, and a negative amount in Docker",
  },
  {
    lines: /^HostConfig\.\{"Devices":\[.*,"devices":\[\{\}\]\}: inspect HostConfig\.Devices:/,
    reason: "a list that replaces another in the same body does not keep what stood in its place",
  },
  {
    lines: /^logged: HEAD \/containers\/\{id\}\/archive\?path=\.\.: value name: "\/" instead of "\.\."$/,
    reason: "the root is called / whichever way one came to it",
  },
  {
    lines: /\/archive(\?path=.*)?( a tar of .*)?: message: "bad parameter: 'path' cannot be empty"/,
    reason: "Docker's text lacks a blank",
  },
  {
    lines: /^logged: POST \/commit\?changes=(%23%20comment)?&.*:/,
    reason: "changes that say nothing change nothing; Docker takes none at all, but not an empty one",
  },
  {
    lines: /^HostConfig\.Isolation="DEFAULT": inspect HostConfig\.Isolation:/,
    reason: "kept as the API's document spells it",
  },
  {
    lines: /^HostConfig\.Binds=\["\/x"\]: inspect Mounts:/,
    reason: "an anonymous volume has its name in inspect whichever way it was asked for",
  },
  {
    lines:
      /^(ContainerCreateBody\.(\{"NetworkDisabled":true,.*|NetworkDisabled=true( against .*)?)|EndpointSettings\..* against no network): inspect (HostConfig\.NetworkMode|Config\.Hostname):/,
    reason: "no network, asked for in the older way, is shown as the network mode that it is",
  },
  {
    lines: /^ContainerCreateBody\.WorkingDir="\/etc\/passwd" start:/,
    reason: "a working directory is made when the container starts: a create touches no file system",
  },
  {
    lines: /platform=%2F .*: message: "\\"\\" is an invalid OS component/,
    reason: "the text is that of Docker's command, whose library knows less of the versions that only Windows has",
  },
];
