import type { DeviceRule, MountSpec, RuntimeSpec } from "../../spec/index.ts";
import { resolveDefaultProfile } from "../seccomp/index.ts";

export const DOCKER_CAPABILITIES: string[] =
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
    .split(" ")
    .map((name) => `CAP_${name}`);

const mount = (destination: string, type: string, source: string, options: string): MountSpec => ({
  destination,
  type,
  source,
  options: options.split(" "),
});

const allow = (major: number, minor: number): DeviceRule => ({ allow: true, type: "c", major, minor, access: "rwm" });

/** Docker's default container around a command, for tests. */
export function containerSpec(id: string, args: string[], change: (spec: RuntimeSpec) => void = () => undefined) {
  const hostname = id.slice(0, 12);
  const spec: RuntimeSpec = {
    ociVersion: "1.2.0",
    hostname,
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [0] },
      args,
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", `HOSTNAME=${hostname}`, "HOME=/root"],
      cwd: "/",
      capabilities: {
        bounding: DOCKER_CAPABILITIES,
        effective: DOCKER_CAPABILITIES,
        permitted: DOCKER_CAPABILITIES,
        inheritable: [],
        ambient: [],
      },
      rlimits: [],
      noNewPrivileges: false,
      oomScoreAdj: 0,
    },
    root: { path: "rootfs", readonly: false },
    mounts: [
      mount("/proc", "proc", "proc", "nosuid noexec nodev"),
      mount("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
      mount("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"),
      mount("/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"),
      mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro nosuid noexec nodev"),
      mount("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
      mount("/dev/shm", "tmpfs", "shm", "nosuid noexec nodev mode=1777 size=67108864"),
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
      devices: [],
      cgroupsPath: `/docker/${id}`,
      resources: {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, type: "c", access: "m" },
          { allow: true, type: "b", access: "m" },
          ...[3, 5, 7, 8, 9].map((minor) => allow(1, minor)),
          ...[0, 1, 2].map((minor) => allow(5, minor)),
          { allow: true, type: "c", major: 136, access: "rwm" },
        ],
      },
      sysctl: { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" },
      maskedPaths: ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
  const seccomp = resolveDefaultProfile(DOCKER_CAPABILITIES);
  if (seccomp !== undefined) spec.linux.seccomp = seccomp;
  change(spec);
  return spec;
}
