import type { SystemInfo } from "../api/index.ts";
import { binarySize } from "./units.ts";

/** An engine's `GET /info` as lines, in the order and indentation of Docker's own. */
export function describeEngine(info: SystemInfo): string {
  const lines: string[] = [];
  const add = (label: string, value: string | number | boolean | undefined, indent = 1) =>
    lines.push(`${" ".repeat(indent)}${label}: ${String(value ?? "")}`);
  const addIf = (label: string, value: string | undefined, indent = 1) => {
    if (value !== undefined && value !== "") add(label, value, indent);
  };
  add("Containers", info.Containers ?? 0);
  add("Running", info.ContainersRunning ?? 0, 2);
  add("Paused", info.ContainersPaused ?? 0, 2);
  add("Stopped", info.ContainersStopped ?? 0, 2);
  add("Images", info.Images ?? 0);
  addIf("Server Version", info.ServerVersion);
  addIf("Storage Driver", info.Driver);
  for (const [key = "", value = ""] of info.DriverStatus ?? []) add(key, value, 2);
  addIf("Logging Driver", info.LoggingDriver);
  addIf("Cgroup Driver", info.CgroupDriver);
  addIf("Cgroup Version", info.CgroupVersion);
  lines.push(" Plugins:");
  add("Volume", (info.Plugins?.Volume ?? []).join(" "), 2);
  add("Network", (info.Plugins?.Network ?? []).join(" "), 2);
  if ((info.Plugins?.Authorization ?? []).length > 0)
    add("Authorization", (info.Plugins?.Authorization ?? []).join(" "), 2);
  add("Log", (info.Plugins?.Log ?? []).join(" "), 2);
  addList(lines, "CDI spec directories", info.CDISpecDirs ?? []);
  add("Swarm", info.Swarm?.LocalNodeState ?? "inactive");
  const runtimes = Object.keys(info.Runtimes ?? {}).sort();
  if (runtimes.length > 0) add("Runtimes", runtimes.join(" "));
  addIf("Default Runtime", info.DefaultRuntime);
  if (info.OSType === "linux") {
    add("Init Binary", info.InitBinary);
    add("containerd version", info.ContainerdCommit?.ID);
    add("runc version", info.RuncCommit?.ID);
    add("init version", info.InitCommit?.ID);
    addSecurity(lines, info.SecurityOptions ?? []);
  }
  addIf("Kernel Version", info.KernelVersion);
  addIf("Operating System", info.OperatingSystem);
  addIf("OSType", info.OSType);
  addIf("Architecture", info.Architecture);
  add("CPUs", info.NCPU ?? 0);
  add("Total Memory", binarySize(info.MemTotal ?? 0));
  addIf("Name", info.Name);
  addIf("ID", info.ID);
  add("Docker Root Dir", info.DockerRootDir);
  add("Debug Mode", info.Debug ?? false);
  if (info.Debug === true) {
    add("File Descriptors", info.NFd, 2);
    add("Goroutines", info.NGoroutines, 2);
    add("System Time", info.SystemTime, 2);
    add("EventsListeners", info.NEventsListener, 2);
  }
  addIf("HTTP Proxy", info.HttpProxy);
  addIf("HTTPS Proxy", info.HttpsProxy);
  addIf("No Proxy", info.NoProxy);
  addList(lines, "Labels", info.Labels ?? []);
  add("Experimental", info.ExperimentalBuild ?? false);
  const insecure = Object.entries(info.RegistryConfig?.IndexConfigs ?? {}).filter(
    ([, index]) => index?.Secure === false,
  );
  addList(lines, "Insecure Registries", [
    ...insecure.map(([name]) => name),
    ...(info.RegistryConfig?.InsecureRegistryCIDRs ?? []),
  ]);
  addList(lines, "Registry Mirrors", info.RegistryConfig?.Mirrors ?? []);
  add("Live Restore Enabled", info.LiveRestoreEnabled ?? false);
  addIf("Product License", info.ProductLicense);
  if ((info.DefaultAddressPools ?? []).length > 0) {
    lines.push(" Default Address Pools:");
    for (const { Base = "", Size = 0 } of info.DefaultAddressPools ?? []) lines.push(`   Base: ${Base}, Size: ${Size}`);
  }
  if (info.FirewallBackend?.Driver !== undefined) {
    add("Firewall Backend", info.FirewallBackend.Driver);
    for (const [key = "", value = ""] of info.FirewallBackend.Info ?? []) add(key, value, 2);
  }
  return `${lines.join("\n")}\n`;
}

function addList(lines: string[], title: string, values: readonly string[]): void {
  if (values.length > 0) lines.push(` ${title}:`, ...values.map((value) => `  ${value}`));
}

/** `name=seccomp,profile=builtin` and the like. */
function addSecurity(lines: string[], options: readonly string[]): void {
  if (options.length === 0) return;
  lines.push(" Security Options:");
  for (const option of options) {
    const pairs = option.split(",").map((pair) => pair.split("="));
    for (const [key = "", value = ""] of pairs) {
      if (key === "name") lines.push(`  ${value}`);
      else lines.push(`   ${key.slice(0, 1).toUpperCase()}${key.slice(1)}: ${value}`);
    }
  }
}
