import type { CliCase } from "./cases.ts";

/**
 * Templates for what inspecting gives, above all of members that JSON leaves out: Docker's command has them, since it runs
 * a template on Go's types first, and on the JSON only when that fails.
 */

const OF_CONTAINER = [
  "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}",
  "{{.State.Health}} {{json .State.Health}} {{not .State.Health}} {{eq .State.Health nil}}",
  "{{.State.Health.Status}}",
  '{{printf "%v" .State.Health}}{{println .HostConfig.Init}}',
  "{{.Config.Healthcheck}}{{.Config.StopTimeout}}{{.Config.StopSignal}}{{.Config.Shell}}{{.Config.ExposedPorts}}",
  "{{with .Config.Healthcheck}}{{.Test}}{{end}}x",
  "{{.Config.NetworkDisabled}}{{.Config.MacAddress}}{{.Config.Entrypoint}}{{.Config.OnBuild}}{{.Config.Volumes}}",
  "{{json .Config.StopTimeout}}{{json .Config.Healthcheck}}{{json .SizeRw}}{{json .ImageManifestDescriptor}}",
  "{{.SizeRw}}{{.SizeRootFs}}{{.ImageManifestDescriptor}}{{.ExecIDs}}{{json .ExecIDs}}",
  "{{.HostConfig.Sysctls}}{{.HostConfig.StorageOpt}}{{.HostConfig.Tmpfs}}{{.HostConfig.Annotations}}",
  "{{.HostConfig.Mounts}}{{.HostConfig.Binds}}{{json .HostConfig.Mounts}}{{json .HostConfig.Binds}}{{len .HostConfig.Binds}}",
  '{{join .HostConfig.Binds ","}}{{range .HostConfig.Mounts}}x{{else}}none{{end}}',
  "{{index .HostConfig.Binds 0}}",
  "{{.HostConfig.Init}}{{.HostConfig.PidsLimit}}{{.HostConfig.OomKillDisable}}{{.HostConfig.MemorySwappiness}}",
  "{{.HostConfig.KernelMemory}}{{.HostConfig.Isolation}}{{.HostConfig.ConsoleSize}}{{.HostConfig.CPUShares}}",
  "{{.Config.Labels.nosuch}}{{.Config.Labels.nosuch.more}}",
  '{{index .Config.Labels "nosuch"}}{{index .HostConfig.Sysctls "nosuch"}}',
  "{{.NetworkSettings.Networks.nosuch}}{{.NetworkSettings.Networks.nosuch.IPAddress}}",
  "{{.NetworkSettings.Networks.bridge.IPAMConfig}}{{json .NetworkSettings.Networks.bridge.Aliases}}",
  "{{.NetworkSettings.Bridge}}{{.NetworkSettings.HairpinMode}}{{range $p, $c := .NetworkSettings.Ports}}{{$p}}{{end}}",
  "{{.Node}}",
  "{{.Name.Foo}}",
  "{{.State.Running.Foo}}",
  "{{.HostConfig.DNS}}{{.Foo}}",
  "{{json .HostConfig}}",
  "{{json .Config}}",
];

const OF_IMAGE = [
  "{{.Descriptor}}{{.Parent}}|{{.Author}}|{{.Variant}}|{{.OsVersion}}|{{.Container}}{{.ContainerConfig}}{{.DockerVersion}}",
  "{{.Config.Labels.x}}{{.Config.Healthcheck}}{{json .Config.Healthcheck}}{{.Config.StopSignal}}",
  "{{.Config.Volumes}}{{.Config.Entrypoint}}{{.Config.Env}}{{json .Config.Entrypoint}}{{.Config.Shell}}",
  "{{.Config.Hostname}}",
  "{{json .Config}}",
  "{{.Manifests}}{{.RootFS.Type}}{{len .RootFS.Layers}}{{.VirtualSize}}",
];

const OF_NETWORK = [
  "{{.Peers}}{{json .Peers}}{{.Services}}{{.ConfigFrom.Network}}{{.Options.nosuch}}{{.Labels}}",
  "{{range .IPAM.Config}}{{.IPRange}}{{.AuxAddress}}{{end}}{{.IPAM.Options}}",
  "{{range .Containers}}{{.Name}}{{else}}none{{end}}",
  "{{.Foo}}",
];

const OF_VOLUME = [
  "{{.ClusterVolume}}{{.UsageData}}{{.Status}}{{.Labels}}{{.Options}}",
  "{{json .Labels}}{{json .Status}}{{.Labels.nosuch}}",
];

/** Of a container, a network and a volume of these names, and of `busybox:local`. */
export function inspectCases(container: string, network: string, volume: string): CliCase[] {
  const of = (words: readonly string[], formats: readonly string[]) =>
    formats.map((format): CliCase => ({ args: [...words, "--format", format], mask: true }));
  return [
    ...of(["inspect", container], OF_CONTAINER),
    ...of(["image", "inspect", "busybox:local"], OF_IMAGE),
    ...of(["inspect", network], OF_NETWORK),
    ...of(["network", "inspect", network], OF_NETWORK),
    ...of(["volume", "inspect", volume], OF_VOLUME),
    ...of(["inspect", "--type", "volume", volume], OF_VOLUME),
  ];
}
