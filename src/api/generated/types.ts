// Written by tools/gen-api-types.ts from test/fixtures/api/swagger.json. Do not edit.

export type ImageHistoryResponseItem = {
  Id: string;
  Created: number;
  CreatedBy: string;
  Tags: Array<string>;
  Size: number;
  Comment: string;
};

export type PortSummary = { IP?: string; PrivatePort: number; PublicPort?: number; Type: "tcp" | "udp" | "sctp" };

export type MountType = "bind" | "cluster" | "image" | "npipe" | "tmpfs" | "volume";

export type MountPoint = {
  Type?: MountType;
  Name?: string;
  Source?: string;
  Destination?: string;
  Driver?: string;
  Mode?: string;
  RW?: boolean;
  Propagation?: string;
};

export type DeviceMapping = { PathOnHost?: string; PathInContainer?: string; CgroupPermissions?: string };

export type DeviceRequest = {
  Driver?: string;
  Count?: number;
  DeviceIDs?: Array<string>;
  Capabilities?: Array<Array<string>>;
  Options?: Record<string, string>;
};

export type ThrottleDevice = { Path?: string; Rate?: number };

export type Mount = {
  Target?: string;
  Source?: string;
  Type?: MountType;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave";
    NonRecursive?: boolean;
    CreateMountpoint?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
    Subpath?: string;
  };
  ImageOptions?: { Subpath?: string };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number; Options?: Array<Array<string>> };
};

export type RestartPolicy = {
  Name?: "" | "no" | "always" | "unless-stopped" | "on-failure";
  MaximumRetryCount?: number;
};

export type Resources = {
  CpuShares?: number;
  Memory?: number;
  CgroupParent?: string;
  BlkioWeight?: number;
  BlkioWeightDevice?: Array<{ Path?: string; Weight?: number }>;
  BlkioDeviceReadBps?: Array<ThrottleDevice>;
  BlkioDeviceWriteBps?: Array<ThrottleDevice>;
  BlkioDeviceReadIOps?: Array<ThrottleDevice>;
  BlkioDeviceWriteIOps?: Array<ThrottleDevice>;
  CpuPeriod?: number;
  CpuQuota?: number;
  CpuRealtimePeriod?: number;
  CpuRealtimeRuntime?: number;
  CpusetCpus?: string;
  CpusetMems?: string;
  Devices?: Array<DeviceMapping>;
  DeviceCgroupRules?: Array<string>;
  DeviceRequests?: Array<DeviceRequest>;
  MemoryReservation?: number;
  MemorySwap?: number;
  MemorySwappiness?: number;
  NanoCpus?: number;
  OomKillDisable?: boolean;
  Init?: boolean | null;
  PidsLimit?: number | null;
  Ulimits?: Array<{ Name?: string; Soft?: number; Hard?: number }>;
  CpuCount?: number;
  CpuPercent?: number;
  IOMaximumIOps?: number;
  IOMaximumBandwidth?: number;
};

export type Limit = { NanoCPUs?: number; MemoryBytes?: number; Pids?: number };

export type ResourceObject = { NanoCPUs?: number; MemoryBytes?: number; GenericResources?: GenericResources };

export type GenericResources = Array<{
  NamedResourceSpec?: { Kind?: string; Value?: string };
  DiscreteResourceSpec?: { Kind?: string; Value?: number };
}>;

export type HealthConfig = {
  Test?: Array<string>;
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
};

export type Health = {
  Status?: "none" | "starting" | "healthy" | "unhealthy";
  FailingStreak?: number;
  Log?: Array<HealthcheckResult>;
} | null;

export type HealthcheckResult = { Start?: string; End?: string; ExitCode?: number; Output?: string } | null;

export type HostConfig = Resources & {
  Binds?: Array<string>;
  ContainerIDFile?: string;
  LogConfig?: {
    Type?:
      "local" | "json-file" | "syslog" | "journald" | "gelf" | "fluentd" | "awslogs" | "splunk" | "etwlogs" | "none";
    Config?: Record<string, string>;
  };
  NetworkMode?: string;
  PortBindings?: PortMap;
  RestartPolicy?: RestartPolicy;
  AutoRemove?: boolean;
  VolumeDriver?: string;
  VolumesFrom?: Array<string>;
  Mounts?: Array<Mount>;
  ConsoleSize?: Array<number> | null;
  Annotations?: Record<string, string>;
  CapAdd?: Array<string>;
  CapDrop?: Array<string>;
  CgroupnsMode?: "private" | "host";
  Dns?: Array<string>;
  DnsOptions?: Array<string>;
  DnsSearch?: Array<string>;
  ExtraHosts?: Array<string>;
  GroupAdd?: Array<string>;
  IpcMode?: string;
  Cgroup?: string;
  Links?: Array<string>;
  OomScoreAdj?: number;
  PidMode?: string;
  Privileged?: boolean;
  PublishAllPorts?: boolean;
  ReadonlyRootfs?: boolean;
  SecurityOpt?: Array<string>;
  StorageOpt?: Record<string, string>;
  Tmpfs?: Record<string, string>;
  UTSMode?: string;
  UsernsMode?: string;
  ShmSize?: number;
  Sysctls?: Record<string, string> | null;
  Runtime?: string | null;
  Isolation?: "default" | "process" | "hyperv" | "";
  MaskedPaths?: Array<string>;
  ReadonlyPaths?: Array<string>;
};

export type ContainerConfig = {
  Hostname?: string;
  Domainname?: string;
  User?: string;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  ExposedPorts?: Record<string, Record<string, unknown>> | null;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  Env?: Array<string>;
  Cmd?: Array<string>;
  Healthcheck?: HealthConfig;
  ArgsEscaped?: boolean | null;
  Image?: string;
  Volumes?: Record<string, Record<string, unknown>>;
  WorkingDir?: string;
  Entrypoint?: Array<string>;
  NetworkDisabled?: boolean | null;
  OnBuild?: Array<string> | null;
  Labels?: Record<string, string>;
  StopSignal?: string | null;
  StopTimeout?: number | null;
  Shell?: Array<string> | null;
};

export type ImageConfig = {
  User?: string;
  ExposedPorts?: Record<string, Record<string, unknown>> | null;
  Env?: Array<string>;
  Cmd?: Array<string>;
  Healthcheck?: HealthConfig;
  ArgsEscaped?: boolean | null;
  Volumes?: Record<string, Record<string, unknown>>;
  WorkingDir?: string;
  Entrypoint?: Array<string>;
  OnBuild?: Array<string> | null;
  Labels?: Record<string, string>;
  StopSignal?: string | null;
  Shell?: Array<string> | null;
};

export type NetworkingConfig = { EndpointsConfig?: Record<string, EndpointSettings> };

export type NetworkSettings = {
  SandboxID?: string;
  SandboxKey?: string;
  Ports?: PortMap;
  Networks?: Record<string, EndpointSettings>;
};

export type Address = { Addr?: string; PrefixLen?: number };

export type PortMap = Record<string, Array<PortBinding> | null>;

export type PortBinding = { HostIp?: string; HostPort?: string };

export type DriverData = { Name: string; Data: Record<string, string> };

export type Storage = { RootFS?: RootFSStorage | null };

export type RootFSStorage = { Snapshot?: RootFSStorageSnapshot | null };

export type RootFSStorageSnapshot = { Name?: string };

export type FilesystemChange = { Path: string; Kind: ChangeType };

export type ChangeType = number;

export type ImageInspect = {
  Id?: string;
  Descriptor?: OCIDescriptor | null;
  Manifests?: Array<ImageManifestSummary> | null;
  Identity?: Identity | null;
  RepoTags?: Array<string>;
  RepoDigests?: Array<string>;
  Comment?: string | null;
  Created?: string | null;
  Author?: string | null;
  Config?: ImageConfig;
  Architecture?: string;
  Variant?: string | null;
  Os?: string;
  OsVersion?: string | null;
  Size?: number;
  GraphDriver?: DriverData | null;
  RootFS?: { Type: string; Layers?: Array<string> };
  Metadata?: { LastTagTime?: string | null };
};

export type Identity = {
  Signature?: Array<SignatureIdentity>;
  Pull?: Array<PullIdentity>;
  Build?: Array<BuildIdentity>;
};

export type BuildIdentity = { Ref?: string; CreatedAt?: string };

export type PullIdentity = { Repository?: string };

export type SignatureIdentity = {
  Name?: string;
  Timestamps?: Array<SignatureTimestamp>;
  KnownSigner?: KnownSignerIdentity;
  DockerReference?: string;
  Signer?: SignerIdentity;
  SignatureType?: SignatureType;
  Error?: string;
  Warnings?: Array<string>;
};

export type SignatureTimestamp = { Type?: SignatureTimestampType; URI?: string; Timestamp?: string };

export type SignatureTimestampType = "Tlog" | "TimestampAuthority";

export type SignatureType = "bundle-v0.3" | "simplesigning-v1";

export type KnownSignerIdentity = "DHI";

export type SignerIdentity = {
  CertificateIssuer?: string;
  SubjectAlternativeName?: string;
  Issuer?: string;
  BuildSignerURI?: string;
  BuildSignerDigest?: string;
  RunnerEnvironment?: string;
  SourceRepositoryURI?: string;
  SourceRepositoryDigest?: string;
  SourceRepositoryRef?: string;
  SourceRepositoryIdentifier?: string;
  SourceRepositoryOwnerURI?: string;
  SourceRepositoryOwnerIdentifier?: string;
  BuildConfigURI?: string;
  BuildConfigDigest?: string;
  BuildTrigger?: string;
  RunInvocationURI?: string;
  SourceRepositoryVisibilityAtSigning?: string;
};

export type ImageSummary = {
  Id: string;
  ParentId: string;
  RepoTags: Array<string>;
  RepoDigests: Array<string>;
  Created: number;
  Size: number;
  SharedSize: number;
  Labels: Record<string, string>;
  Containers: number;
  Manifests?: Array<ImageManifestSummary>;
  Descriptor?: OCIDescriptor | null;
};

export type ImagesDiskUsage = {
  ActiveCount?: number;
  TotalCount?: number;
  Reclaimable?: number;
  TotalSize?: number;
  Items?: Array<unknown>;
};

export type AuthConfig = { username?: string; password?: string; serveraddress?: string };

export type AuthResponse = { Status: string; IdentityToken?: string };

export type ProcessConfig = {
  privileged?: boolean;
  user?: string;
  tty?: boolean;
  entrypoint?: string;
  arguments?: Array<string>;
};

export type Volume = {
  Name: string;
  Driver: string;
  Mountpoint: string;
  CreatedAt?: string;
  Status?: Record<string, Record<string, unknown>>;
  Labels: Record<string, string>;
  Scope: "local" | "global";
  ClusterVolume?: ClusterVolume;
  Options: Record<string, string>;
  UsageData?: { Size: number; RefCount: number } | null;
};

export type VolumesDiskUsage = {
  ActiveCount?: number;
  TotalCount?: number;
  Reclaimable?: number;
  TotalSize?: number;
  Items?: Array<unknown>;
};

export type VolumeCreateRequest = {
  Name?: string;
  Driver?: string;
  DriverOpts?: Record<string, string>;
  Labels?: Record<string, string>;
  ClusterVolumeSpec?: ClusterVolumeSpec;
};

export type VolumeListResponse = { Volumes?: Array<Volume>; Warnings?: Array<string> };

export type Network = {
  Name?: string;
  Id?: string;
  Created?: string;
  Scope?: string;
  Driver?: string;
  EnableIPv4?: boolean;
  EnableIPv6?: boolean;
  IPAM?: IPAM;
  Internal?: boolean;
  Attachable?: boolean;
  Ingress?: boolean;
  ConfigFrom?: ConfigReference;
  ConfigOnly?: boolean;
  Options?: Record<string, string>;
  Labels?: Record<string, string>;
  Peers?: Array<PeerInfo>;
};

export type NetworkSummary = Network;

export type NetworkInspect = Network;

export type NetworkStatus = { IPAM?: IPAMStatus };

export type ServiceInfo = {
  VIP?: string;
  Ports?: Array<string>;
  LocalLBIndex?: number;
  Tasks?: Array<NetworkTaskInfo>;
};

export type NetworkTaskInfo = {
  Name?: string;
  EndpointID?: string;
  EndpointIP?: string;
  Info?: Record<string, string>;
};

export type ConfigReference = { Network?: string };

export type IPAM = { Driver?: string; Config?: Array<IPAMConfig>; Options?: Record<string, string> };

export type IPAMConfig = {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
};

export type IPAMStatus = { Subnets?: Record<string, SubnetStatus> };

export type SubnetStatus = { IPsInUse?: number; DynamicIPsAvailable?: number };

export type EndpointResource = {
  Name?: string;
  EndpointID?: string;
  MacAddress?: string;
  IPv4Address?: string;
  IPv6Address?: string;
};

export type PeerInfo = { Name?: string; IP?: string };

export type NetworkCreateResponse = { Id: string; Warning: string };

export type BuildInfo = {
  id?: string;
  stream?: string;
  errorDetail?: ErrorDetail;
  status?: string;
  progressDetail?: ProgressDetail;
  aux?: ImageID;
};

export type BuildCache = {
  ID?: string;
  Parents?: Array<string> | null;
  Type?: "internal" | "frontend" | "source.local" | "source.git.checkout" | "exec.cachemount" | "regular";
  Description?: string;
  InUse?: boolean;
  Shared?: boolean;
  Size?: number;
  CreatedAt?: string;
  LastUsedAt?: string | null;
  UsageCount?: number;
};

export type BuildCacheDiskUsage = {
  ActiveCount?: number;
  TotalCount?: number;
  Reclaimable?: number;
  TotalSize?: number;
  Items?: Array<unknown>;
};

export type ImageID = { ID?: string };

export type CreateImageInfo = {
  id?: string;
  errorDetail?: ErrorDetail;
  status?: string;
  progressDetail?: ProgressDetail;
};

export type PushImageInfo = { errorDetail?: ErrorDetail; status?: string; progressDetail?: ProgressDetail };

export type DeviceInfo = { Source?: string; ID?: string };

export type NRIInfo = { Info?: Array<Array<string>> } | null;

export type ErrorDetail = { code?: number; message?: string };

export type ProgressDetail = { current?: number; total?: number };

export type ErrorResponse = { message: string };

export type IDResponse = { Id: string };

export type NetworkConnectRequest = { Container: string; EndpointConfig?: EndpointSettings | null };

export type NetworkDisconnectRequest = { Container: string; Force?: boolean };

export type EndpointSettings = {
  IPAMConfig?: EndpointIPAMConfig;
  Links?: Array<string>;
  MacAddress?: string;
  Aliases?: Array<string>;
  DriverOpts?: Record<string, string> | null;
  GwPriority?: number;
  NetworkID?: string;
  EndpointID?: string;
  Gateway?: string;
  IPAddress?: string;
  IPPrefixLen?: number;
  IPv6Gateway?: string;
  GlobalIPv6Address?: string;
  GlobalIPv6PrefixLen?: number;
  DNSNames?: Array<string>;
};

export type EndpointIPAMConfig = { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: Array<string> } | null;

export type PluginMount = {
  Name: string;
  Description: string;
  Settable: Array<string>;
  Source: string;
  Destination: string;
  Type: string;
  Options: Array<string>;
};

export type PluginDevice = { Name: string; Description: string; Settable: Array<string>; Path: string };

export type PluginEnv = { Name: string; Description: string; Settable: Array<string>; Value: string };

export type PluginPrivilege = { Name?: string; Description?: string; Value?: Array<string> };

export type Plugin = {
  Id?: string;
  Name: string;
  Enabled: boolean;
  Settings: { Mounts: Array<PluginMount>; Env: Array<string>; Args: Array<string>; Devices: Array<PluginDevice> };
  PluginReference?: string;
  Config: {
    Description: string;
    Documentation: string;
    Interface: { Types: Array<string>; Socket: string; ProtocolScheme?: "" | "moby.plugins.http/v1" };
    Entrypoint: Array<string>;
    WorkDir: string;
    User?: { UID?: number; GID?: number };
    Network: { Type: string };
    Linux: { Capabilities: Array<string>; AllowAllDevices: boolean; Devices: Array<PluginDevice> };
    PropagatedMount: string;
    IpcHost: boolean;
    PidHost: boolean;
    Mounts: Array<PluginMount>;
    Env: Array<PluginEnv>;
    Args: { Name: string; Description: string; Settable: Array<string>; Value: Array<string> };
    rootfs?: { type?: string; diff_ids?: Array<string> };
  };
};

export type ObjectVersion = { Index?: number };

export type NodeSpec = {
  Name?: string;
  Labels?: Record<string, string>;
  Role?: "worker" | "manager";
  Availability?: "active" | "pause" | "drain";
};

export type Node = {
  ID?: string;
  Version?: ObjectVersion;
  CreatedAt?: string;
  UpdatedAt?: string;
  Spec?: NodeSpec;
  Description?: NodeDescription;
  Status?: NodeStatus;
  ManagerStatus?: ManagerStatus;
};

export type NodeDescription = {
  Hostname?: string;
  Platform?: Platform;
  Resources?: ResourceObject;
  Engine?: EngineDescription;
  TLSInfo?: TLSInfo;
};

export type Platform = { Architecture?: string; OS?: string };

export type EngineDescription = {
  EngineVersion?: string;
  Labels?: Record<string, string>;
  Plugins?: Array<{ Type?: string; Name?: string }>;
};

export type TLSInfo = { TrustRoot?: string; CertIssuerSubject?: string; CertIssuerPublicKey?: string };

export type NodeStatus = { State?: NodeState; Message?: string; Addr?: string };

export type NodeState = "unknown" | "down" | "ready" | "disconnected";

export type ManagerStatus = { Leader?: boolean; Reachability?: Reachability; Addr?: string } | null;

export type Reachability = "unknown" | "unreachable" | "reachable";

export type SwarmSpec = {
  Name?: string;
  Labels?: Record<string, string>;
  Orchestration?: { TaskHistoryRetentionLimit?: number } | null;
  Raft?: {
    SnapshotInterval?: number;
    KeepOldSnapshots?: number;
    LogEntriesForSlowFollowers?: number;
    ElectionTick?: number;
    HeartbeatTick?: number;
  };
  Dispatcher?: { HeartbeatPeriod?: number } | null;
  CAConfig?: {
    NodeCertExpiry?: number;
    ExternalCAs?: Array<{ Protocol?: "cfssl"; URL?: string; Options?: Record<string, string>; CACert?: string }>;
    SigningCACert?: string;
    SigningCAKey?: string;
    ForceRotate?: number;
  } | null;
  EncryptionConfig?: { AutoLockManagers?: boolean };
  TaskDefaults?: { LogDriver?: { Name?: string; Options?: Record<string, string> } };
};

export type ClusterInfo = {
  ID?: string;
  Version?: ObjectVersion;
  CreatedAt?: string;
  UpdatedAt?: string;
  Spec?: SwarmSpec;
  TLSInfo?: TLSInfo;
  RootRotationInProgress?: boolean;
  DataPathPort?: number;
  DefaultAddrPool?: Array<string>;
  SubnetSize?: number;
} | null;

export type JoinTokens = { Worker?: string; Manager?: string };

export type Swarm = ClusterInfo & { JoinTokens?: JoinTokens };

export type TaskSpec = {
  PluginSpec?: { Name?: string; Remote?: string; Disabled?: boolean; PluginPrivilege?: Array<PluginPrivilege> };
  ContainerSpec?: {
    Image?: string;
    Labels?: Record<string, string>;
    Command?: Array<string>;
    Args?: Array<string>;
    Hostname?: string;
    Env?: Array<string>;
    Dir?: string;
    User?: string;
    Groups?: Array<string>;
    Privileges?: {
      CredentialSpec?: { Config?: string; File?: string; Registry?: string };
      SELinuxContext?: { Disable?: boolean; User?: string; Role?: string; Type?: string; Level?: string };
      Seccomp?: { Mode?: "default" | "unconfined" | "custom"; Profile?: string };
      AppArmor?: { Mode?: "default" | "disabled" };
      NoNewPrivileges?: boolean;
    };
    TTY?: boolean;
    OpenStdin?: boolean;
    ReadOnly?: boolean;
    Mounts?: Array<Mount>;
    StopSignal?: string;
    StopGracePeriod?: number;
    HealthCheck?: HealthConfig;
    Hosts?: Array<string>;
    DNSConfig?: { Nameservers?: Array<string>; Search?: Array<string>; Options?: Array<string> };
    Secrets?: Array<{
      File?: { Name?: string; UID?: string; GID?: string; Mode?: number };
      SecretID?: string;
      SecretName?: string;
    }>;
    OomScoreAdj?: number;
    Configs?: Array<{
      File?: { Name?: string; UID?: string; GID?: string; Mode?: number };
      Runtime?: Record<string, unknown>;
      ConfigID?: string;
      ConfigName?: string;
    }>;
    Isolation?: "default" | "process" | "hyperv" | "";
    Init?: boolean | null;
    Sysctls?: Record<string, string>;
    CapabilityAdd?: Array<string>;
    CapabilityDrop?: Array<string>;
    Ulimits?: Array<{ Name?: string; Soft?: number; Hard?: number }>;
  };
  NetworkAttachmentSpec?: { ContainerID?: string };
  Resources?: {
    Limits?: Limit;
    Reservations?: ResourceObject;
    SwapBytes?: number | null;
    MemorySwappiness?: number | null;
  };
  RestartPolicy?: { Condition?: "none" | "on-failure" | "any"; Delay?: number; MaxAttempts?: number; Window?: number };
  Placement?: {
    Constraints?: Array<string>;
    Preferences?: Array<{ Spread?: { SpreadDescriptor?: string } }>;
    MaxReplicas?: number;
    Platforms?: Array<Platform>;
  };
  ForceUpdate?: number;
  Runtime?: string;
  Networks?: Array<NetworkAttachmentConfig>;
  LogDriver?: { Name?: string; Options?: Record<string, string> };
};

export type TaskState =
  | "new"
  | "allocated"
  | "pending"
  | "assigned"
  | "accepted"
  | "preparing"
  | "ready"
  | "starting"
  | "running"
  | "complete"
  | "shutdown"
  | "failed"
  | "rejected"
  | "remove"
  | "orphaned";

export type ContainerStatus = { ContainerID?: string; PID?: number; ExitCode?: number };

export type PortStatus = { Ports?: Array<EndpointPortConfig> };

export type TaskStatus = {
  Timestamp?: string;
  State?: TaskState;
  Message?: string;
  Err?: string;
  ContainerStatus?: ContainerStatus;
  PortStatus?: PortStatus;
};

export type NetworkAttachment = { Network?: Network; Addresses?: Array<string> };

export type Task = {
  ID?: string;
  Version?: ObjectVersion;
  CreatedAt?: string;
  UpdatedAt?: string;
  Name?: string;
  Labels?: Record<string, string>;
  Spec?: TaskSpec;
  ServiceID?: string;
  Slot?: number;
  NodeID?: string;
  AssignedGenericResources?: GenericResources;
  Status?: TaskStatus;
  DesiredState?: TaskState;
  JobIteration?: ObjectVersion;
  NetworksAttachments?: Array<NetworkAttachment>;
};

export type ServiceSpec = {
  Name?: string;
  Labels?: Record<string, string>;
  TaskTemplate?: TaskSpec;
  Mode?: {
    Replicated?: { Replicas?: number };
    Global?: Record<string, unknown>;
    ReplicatedJob?: { MaxConcurrent?: number; TotalCompletions?: number };
    GlobalJob?: Record<string, unknown>;
  };
  UpdateConfig?: {
    Parallelism?: number;
    Delay?: number;
    FailureAction?: "continue" | "pause" | "rollback";
    Monitor?: number;
    MaxFailureRatio?: number;
    Order?: "stop-first" | "start-first";
  };
  RollbackConfig?: {
    Parallelism?: number;
    Delay?: number;
    FailureAction?: "continue" | "pause";
    Monitor?: number;
    MaxFailureRatio?: number;
    Order?: "stop-first" | "start-first";
  };
  Networks?: Array<NetworkAttachmentConfig>;
  EndpointSpec?: EndpointSpec;
};

export type EndpointPortConfig = {
  Name?: string;
  Protocol?: "tcp" | "udp" | "sctp";
  TargetPort?: number;
  PublishedPort?: number;
  PublishMode?: "ingress" | "host";
};

export type EndpointSpec = { Mode?: "vip" | "dnsrr"; Ports?: Array<EndpointPortConfig> };

export type Service = {
  ID?: string;
  Version?: ObjectVersion;
  CreatedAt?: string;
  UpdatedAt?: string;
  Spec?: ServiceSpec;
  Endpoint?: {
    Spec?: EndpointSpec;
    Ports?: Array<EndpointPortConfig>;
    VirtualIPs?: Array<{ NetworkID?: string; Addr?: string }>;
  };
  UpdateStatus?: {
    State?: "updating" | "paused" | "completed";
    StartedAt?: string;
    CompletedAt?: string;
    Message?: string;
  };
  ServiceStatus?: { RunningTasks?: number; DesiredTasks?: number; CompletedTasks?: number };
  JobStatus?: { JobIteration?: ObjectVersion; LastExecution?: string };
};

export type ImageDeleteResponseItem = { Untagged?: string; Deleted?: string };

export type ServiceCreateResponse = { ID?: string; Warnings?: Array<string> | null };

export type ServiceUpdateResponse = { Warnings?: Array<string> };

export type ContainerInspectResponse = {
  Id?: string;
  Created?: string | null;
  Path?: string;
  Args?: Array<string>;
  State?: ContainerState;
  Image?: string;
  ResolvConfPath?: string;
  HostnamePath?: string;
  HostsPath?: string;
  LogPath?: string | null;
  Name?: string;
  RestartCount?: number;
  Driver?: string;
  Platform?: string;
  ImageManifestDescriptor?: OCIDescriptor;
  MountLabel?: string;
  ProcessLabel?: string;
  AppArmorProfile?: string;
  ExecIDs?: Array<string> | null;
  HostConfig?: HostConfig;
  GraphDriver?: DriverData | null;
  Storage?: Storage | null;
  SizeRw?: number | null;
  SizeRootFs?: number | null;
  Mounts?: Array<MountPoint>;
  Config?: ContainerConfig;
  NetworkSettings?: NetworkSettings;
};

export type ContainerSummary = {
  Id?: string;
  Names?: Array<string>;
  Image?: string;
  ImageID?: string;
  ImageManifestDescriptor?: OCIDescriptor | null;
  Command?: string;
  Created?: number;
  Ports?: Array<PortSummary>;
  SizeRw?: number | null;
  SizeRootFs?: number | null;
  Labels?: Record<string, string>;
  State?: "created" | "running" | "paused" | "restarting" | "exited" | "removing" | "dead";
  Status?: string;
  HostConfig?: { NetworkMode?: string; Annotations?: Record<string, string> | null };
  NetworkSettings?: { Networks?: Record<string, EndpointSettings> };
  Mounts?: Array<MountPoint>;
  Health?: { Status?: "none" | "starting" | "healthy" | "unhealthy"; FailingStreak?: number };
};

export type ContainersDiskUsage = {
  ActiveCount?: number;
  TotalCount?: number;
  Reclaimable?: number;
  TotalSize?: number;
  Items?: Array<unknown>;
};

export type Driver = { Name: string; Options?: Record<string, string> };

export type SecretSpec = {
  Name?: string;
  Labels?: Record<string, string>;
  Data?: string;
  Driver?: Driver;
  Templating?: Driver;
};

export type Secret = {
  ID?: string;
  Version?: ObjectVersion;
  CreatedAt?: string;
  UpdatedAt?: string;
  Spec?: SecretSpec;
};

export type ConfigSpec = { Name?: string; Labels?: Record<string, string>; Data?: string; Templating?: Driver };

export type Config = {
  ID?: string;
  Version?: ObjectVersion;
  CreatedAt?: string;
  UpdatedAt?: string;
  Spec?: ConfigSpec;
};

export type ContainerState = {
  Status?: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
  Running?: boolean;
  Paused?: boolean;
  Restarting?: boolean;
  OOMKilled?: boolean;
  Dead?: boolean;
  Pid?: number;
  ExitCode?: number;
  Error?: string;
  StartedAt?: string;
  FinishedAt?: string;
  Health?: Health;
} | null;

export type ContainerCreateResponse = { Id: string; Warnings: Array<string> };

export type ContainerUpdateResponse = { Warnings?: Array<string> };

export type ContainerStatsResponse = {
  id?: string | null;
  name?: string | null;
  os_type?: string | null;
  read?: string;
  cpu_stats?: ContainerCPUStats;
  memory_stats?: ContainerMemoryStats;
  networks?: Record<string, ContainerNetworkStats> | null;
  pids_stats?: ContainerPidsStats;
  blkio_stats?: ContainerBlkioStats;
  num_procs?: number;
  storage_stats?: ContainerStorageStats;
  preread?: string;
  precpu_stats?: ContainerCPUStats;
};

export type ContainerBlkioStats = {
  io_service_bytes_recursive?: Array<ContainerBlkioStatEntry>;
  io_serviced_recursive?: Array<ContainerBlkioStatEntry> | null;
  io_queue_recursive?: Array<ContainerBlkioStatEntry> | null;
  io_service_time_recursive?: Array<ContainerBlkioStatEntry> | null;
  io_wait_time_recursive?: Array<ContainerBlkioStatEntry> | null;
  io_merged_recursive?: Array<ContainerBlkioStatEntry> | null;
  io_time_recursive?: Array<ContainerBlkioStatEntry> | null;
  sectors_recursive?: Array<ContainerBlkioStatEntry> | null;
} | null;

export type ContainerBlkioStatEntry = { major?: number; minor?: number; op?: string; value?: number } | null;

export type ContainerCPUStats = {
  cpu_usage?: ContainerCPUUsage;
  system_cpu_usage?: number | null;
  online_cpus?: number | null;
  throttling_data?: ContainerThrottlingData;
} | null;

export type ContainerCPUUsage = {
  total_usage?: number;
  percpu_usage?: Array<number> | null;
  usage_in_kernelmode?: number;
  usage_in_usermode?: number;
} | null;

export type ContainerPidsStats = { current?: number | null; limit?: number | null } | null;

export type ContainerThrottlingData = { periods?: number; throttled_periods?: number; throttled_time?: number } | null;

export type ContainerMemoryStats = {
  usage?: number | null;
  max_usage?: number | null;
  stats?: Record<string, number | null>;
  failcnt?: number | null;
  limit?: number | null;
  commitbytes?: number | null;
  commitpeakbytes?: number | null;
  privateworkingset?: number | null;
};

export type ContainerNetworkStats = {
  rx_bytes?: number;
  rx_packets?: number;
  rx_errors?: number;
  rx_dropped?: number;
  tx_bytes?: number;
  tx_packets?: number;
  tx_errors?: number;
  tx_dropped?: number;
  endpoint_id?: string | null;
  instance_id?: string | null;
} | null;

export type ContainerStorageStats = {
  read_count_normalized?: number | null;
  read_size_bytes?: number | null;
  write_count_normalized?: number | null;
  write_size_bytes?: number | null;
} | null;

export type ContainerTopResponse = { Titles?: Array<string>; Processes?: Array<Array<string>> };

export type ContainerWaitResponse = { StatusCode: number; Error?: ContainerWaitExitError };

export type ContainerWaitExitError = { Message?: string };

export type SystemVersion = {
  Platform?: { Name: string };
  Components?: Array<{ Name: string; Version: string; Details?: Record<string, unknown> | null }>;
  Version?: string;
  ApiVersion?: string;
  MinAPIVersion?: string;
  GitCommit?: string;
  GoVersion?: string;
  Os?: string;
  Arch?: string;
  KernelVersion?: string;
  Experimental?: boolean;
  BuildTime?: string;
};

export type SystemInfo = {
  ID?: string;
  Containers?: number;
  ContainersRunning?: number;
  ContainersPaused?: number;
  ContainersStopped?: number;
  Images?: number;
  Driver?: string;
  DriverStatus?: Array<Array<string>>;
  DockerRootDir?: string;
  Plugins?: PluginsInfo;
  MemoryLimit?: boolean;
  SwapLimit?: boolean;
  CpuCfsPeriod?: boolean;
  CpuCfsQuota?: boolean;
  CPUShares?: boolean;
  CPUSet?: boolean;
  PidsLimit?: boolean;
  OomKillDisable?: boolean;
  IPv4Forwarding?: boolean;
  Debug?: boolean;
  NFd?: number;
  NGoroutines?: number;
  SystemTime?: string;
  LoggingDriver?: string;
  CgroupDriver?: "cgroupfs" | "systemd" | "none";
  CgroupVersion?: "1" | "2";
  NEventsListener?: number;
  KernelVersion?: string;
  OperatingSystem?: string;
  OSVersion?: string;
  OSType?: string;
  Architecture?: string;
  NCPU?: number;
  MemTotal?: number;
  IndexServerAddress?: string;
  RegistryConfig?: RegistryServiceConfig;
  GenericResources?: GenericResources;
  HttpProxy?: string;
  HttpsProxy?: string;
  NoProxy?: string;
  Name?: string;
  Labels?: Array<string>;
  ExperimentalBuild?: boolean;
  ServerVersion?: string;
  Runtimes?: Record<string, Runtime>;
  DefaultRuntime?: string;
  Swarm?: SwarmInfo;
  LiveRestoreEnabled?: boolean;
  Isolation?: "default" | "hyperv" | "process" | "";
  InitBinary?: string;
  ContainerdCommit?: Commit;
  RuncCommit?: Commit;
  InitCommit?: Commit;
  SecurityOptions?: Array<string>;
  ProductLicense?: string;
  DefaultAddressPools?: Array<{ Base?: string; Size?: number }>;
  FirewallBackend?: FirewallInfo;
  DiscoveredDevices?: Array<DeviceInfo>;
  NRI?: NRIInfo;
  Warnings?: Array<string>;
  CDISpecDirs?: Array<string>;
  Containerd?: ContainerdInfo;
};

export type ContainerdInfo = { Address?: string; Namespaces?: { Containers?: string; Plugins?: string } } | null;

export type FirewallInfo = { Driver?: string; Info?: Array<Array<string>> } | null;

export type PluginsInfo = {
  Volume?: Array<string>;
  Network?: Array<string>;
  Authorization?: Array<string>;
  Log?: Array<string>;
};

export type RegistryServiceConfig = {
  InsecureRegistryCIDRs?: Array<string>;
  IndexConfigs?: Record<string, IndexInfo>;
  Mirrors?: Array<string>;
} | null;

export type IndexInfo = { Name?: string; Mirrors?: Array<string>; Secure?: boolean; Official?: boolean } | null;

export type Runtime = { path?: string; runtimeArgs?: Array<string> | null; status?: Record<string, string> | null };

export type Commit = { ID?: string };

export type SwarmInfo = {
  NodeID?: string;
  NodeAddr?: string;
  LocalNodeState?: LocalNodeState;
  ControlAvailable?: boolean;
  Error?: string;
  RemoteManagers?: Array<PeerNode> | null;
  Nodes?: number | null;
  Managers?: number | null;
  Cluster?: ClusterInfo;
};

export type LocalNodeState = "" | "inactive" | "pending" | "active" | "error" | "locked";

export type PeerNode = { NodeID?: string; Addr?: string };

export type NetworkAttachmentConfig = { Target?: string; Aliases?: Array<string>; DriverOpts?: Record<string, string> };

export type EventActor = { ID?: string; Attributes?: Record<string, string> };

export type EventMessage = {
  Type?:
    | "builder"
    | "config"
    | "container"
    | "daemon"
    | "image"
    | "network"
    | "node"
    | "plugin"
    | "secret"
    | "service"
    | "volume";
  Action?: string;
  Actor?: EventActor;
  scope?: "local" | "swarm";
  time?: number;
  timeNano?: number;
};

export type OCIDescriptor = {
  mediaType?: string;
  digest?: string;
  size?: number;
  urls?: Array<string> | null;
  annotations?: Record<string, string> | null;
  data?: string | null;
  platform?: OCIPlatform;
  artifactType?: string | null;
};

export type OCIPlatform = {
  architecture?: string;
  os?: string;
  "os.version"?: string;
  "os.features"?: Array<string>;
  variant?: string;
} | null;

export type DistributionInspect = { Descriptor: OCIDescriptor; Platforms: Array<OCIPlatform> };

export type ClusterVolume = {
  ID?: string;
  Version?: ObjectVersion;
  CreatedAt?: string;
  UpdatedAt?: string;
  Spec?: ClusterVolumeSpec;
  Info?: {
    CapacityBytes?: number;
    VolumeContext?: Record<string, string>;
    VolumeID?: string;
    AccessibleTopology?: Array<Topology>;
  };
  PublishStatus?: Array<{
    NodeID?: string;
    State?: "pending-publish" | "published" | "pending-node-unpublish" | "pending-controller-unpublish";
    PublishContext?: Record<string, string>;
  }>;
};

export type ClusterVolumeSpec = {
  Group?: string;
  AccessMode?: {
    Scope?: "single" | "multi";
    Sharing?: "none" | "readonly" | "onewriter" | "all";
    MountVolume?: Record<string, unknown>;
    Secrets?: Array<{ Key?: string; Secret?: string }>;
    AccessibilityRequirements?: { Requisite?: Array<Topology>; Preferred?: Array<Topology> };
    CapacityRange?: { RequiredBytes?: number; LimitBytes?: number };
    Availability?: "active" | "pause" | "drain";
  };
};

export type Topology = { Segments?: Record<string, string> };

export type AttestationStatement = {
  Descriptor: OCIDescriptor;
  PredicateType: string;
  Statement?: Record<string, unknown> | null;
};

export type ImageManifestSummary = {
  ID: string;
  Descriptor: OCIDescriptor;
  Available: boolean;
  Size: { Total: number; Content: number };
  Kind: "image" | "attestation" | "unknown";
  ImageData?: {
    Platform: OCIPlatform;
    Identity?: Identity | null;
    Containers: Array<string>;
    Size: { Unpacked: number };
  } | null;
  AttestationData?: { For: string } | null;
};
