type Body = Record<string, unknown>;

const ofHost = (members: Body): Body => ({ HostConfig: members });
const NAMESPACES_OF_OTHERS: Readonly<Record<string, Body>> = {
  "a network of another": ofHost({ NetworkMode: "container:{peer}" }),
  "namespaces of the host": ofHost({ PidMode: "host", IpcMode: "host", UTSMode: "host", CgroupnsMode: "host" }),
};
const PRIVILEGED: Readonly<Record<string, Body>> = { privileges: ofHost({ Privileged: true }) };
const NO_MOUNTS: Readonly<Record<string, Body>> = {
  "another mount of that place": ofHost({ Binds: ["/usr/share:/x"] }),
  "a root that is read only": ofHost({ ReadonlyRootfs: true }),
};

/** By shape: members elsewhere in a create body that leave each of the shape's own less to say, by what they are. */
export const RIVALS: Readonly<Record<string, Readonly<Record<string, Body>>>> = {
  ContainerCreateBody: NAMESPACES_OF_OTHERS,
  HostConfig: { ...PRIVILEGED, ...NAMESPACES_OF_OTHERS },
  HostConfigBlkioWeightDeviceItem: PRIVILEGED,
  ThrottleDevice: PRIVILEGED,
  DeviceMapping: PRIVILEGED,
  DeviceRequest: PRIVILEGED,
  HostConfigUlimitsItem: PRIVILEGED,
  HostConfigLogConfig: { "a terminal": { Tty: true } },
  PortBinding: NAMESPACES_OF_OTHERS,
  RestartPolicy: { "removal at the end": ofHost({ AutoRemove: true }) },
  Mount: NO_MOUNTS,
  MountBindOptions: NO_MOUNTS,
  MountVolumeOptions: NO_MOUNTS,
  MountVolumeOptionsDriverConfig: { ...NO_MOUNTS, "a driver for all": ofHost({ VolumeDriver: "nosuch" }) },
  MountImageOptions: NO_MOUNTS,
  MountTmpfsOptions: NO_MOUNTS,
  NetworkingConfig: { "the host's network": ofHost({ NetworkMode: "host" }) },
  EndpointSettings: {
    "the host's network": ofHost({ NetworkMode: "host" }),
    "no network": { NetworkDisabled: true },
  },
  EndpointIPAMConfig: { "the host's network": ofHost({ NetworkMode: "host" }) },
  HealthConfig: { "no command to run": { Entrypoint: [], Cmd: [] } },
};
