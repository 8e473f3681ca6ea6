type Members = Record<string, unknown>;
type Frame = (members: Members) => Members;

const host = (members: Members): Members => ({ HostConfig: members });
const mount = (members: Members): Members => host({ Mounts: [{ Target: "/x", ...members }] });
const endpoint = (members: Members): Members => ({
  HostConfig: { NetworkMode: "{network}" },
  NetworkingConfig: { EndpointsConfig: { "{network}": members } },
});

/** How a shape's members stand in a create body: with what beside them the body means something. */
export const FRAMES: Readonly<Record<string, Frame>> = {
  ContainerCreateBody: (members) => members,
  HealthConfig: (members) => ({ Healthcheck: { Test: ["CMD", "true"], ...members } }),
  HostConfig: host,
  HostConfigBlkioWeightDeviceItem: (members) =>
    host({ BlkioWeightDevice: [{ Path: "/dev/null", Weight: 100, ...members }] }),
  ThrottleDevice: (members) => host({ BlkioDeviceReadBps: [{ Path: "/dev/null", Rate: 1024, ...members }] }),
  DeviceMapping: (members) =>
    host({ Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "rwm", ...members }] }),
  DeviceRequest: (members) => host({ DeviceRequests: [members] }),
  HostConfigUlimitsItem: (members) => host({ Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200, ...members }] }),
  HostConfigLogConfig: (members) => host({ LogConfig: { Type: "json-file", ...members } }),
  PortBinding: (members) => host({ PortBindings: { "80/tcp": [members] } }),
  RestartPolicy: (members) => host({ RestartPolicy: members }),
  Mount: (members) => mount({ Type: "bind", Source: "/usr/share", ...members }),
  MountBindOptions: (members) =>
    mount({ Type: "bind", Source: "/usr/share", ReadOnly: true, BindOptions: { Propagation: "rprivate", ...members } }),
  MountVolumeOptions: (members) => mount({ Type: "volume", Source: "{prefix}-vol", VolumeOptions: members }),
  MountVolumeOptionsDriverConfig: (members) =>
    mount({ Type: "volume", Source: "{prefix}-vol", VolumeOptions: { DriverConfig: members } }),
  MountImageOptions: (members) => mount({ Type: "image", Source: "busybox:local", ImageOptions: members }),
  MountTmpfsOptions: (members) => mount({ Type: "tmpfs", TmpfsOptions: members }),
  NetworkingConfig: (members) => ({ NetworkingConfig: members }),
  EndpointSettings: endpoint,
  EndpointIPAMConfig: (members) => endpoint({ IPAMConfig: members }),
};
