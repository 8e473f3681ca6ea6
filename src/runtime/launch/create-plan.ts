import type { RootfsMount } from "../../snapshot/index.ts";
import type { RuntimeSpec } from "../../spec/index.ts";
import { MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE, MS_UNBINDABLE } from "../../sys/index.ts";
import type { CgroupDriver } from "../cgroups/index.ts";
import type { PlanOp } from "../plan/index.ts";
import { joinCgroup } from "./cgroup.ts";
import { SLOT_ROOT } from "./constants.ts";
import { planDevices } from "./devices.ts";
import { specFailure } from "./errors.ts";
import { planMounts, type MountFacts } from "./mounts.ts";
import { planNamespaces, type NamespacePlan } from "./namespaces.ts";
import { processOps, stdioOp } from "./process.ts";
import { idmappedRootOps, rootOps } from "./rootfs.ts";
import { sysctlOps } from "./sysctls.ts";
import { mappingsOf, privilegedOps } from "./user-namespace.ts";

export interface LaunchFacts extends MountFacts {
  /** The host has /proc/kcore. */
  kcore: boolean;
}

export interface LaunchRequest {
  id: string;
  spec: RuntimeSpec;
  rootfs: RootfsMount;
  /** The container's own, `/docker/<id>`. */
  cgroupPath: string;
}

/** Slots of devices that are bound, beyond those of mounts. */
const DEVICE_SLOTS = 3000;
const ENOSYS = 38;

/**
 * Compiles a container's spec to its launch plan. Pure: the same input gives the same plan.
 *
 *     outside: cgroup, rootfs and sources opened, namespaces joined ─ spawn ─ inside: root attached, mounts, devices,
 *     terminal, pivot, names, sysctls, masks ─ the process (`processOps`)
 *
 * @throws LaunchError with Docker's text for what the spec may not ask for.
 */
export function compileCreatePlan(request: LaunchRequest, cgroups: CgroupDriver, facts: LaunchFacts): PlanOp[] {
  const { spec, rootfs, cgroupPath } = request;
  const namespaces = planNamespaces(spec.linux);
  const mounts = planMounts(spec.mounts, {
    sources: facts.sources,
    directoryModes: facts.directoryModes,
    cgroups,
    cgroupPath,
    ownCgroupNamespace: namespaces.isNew("cgroup"),
    ownNetwork: spec.linux.namespaces.some(({ type }) => type === "network"),
  });
  const mappings = mappingsOf(spec.linux);
  const devices = planDevices(spec, { userns: mappings !== undefined, kcore: facts.kcore, slots: DEVICE_SLOTS });
  const cgroup = joinCgroup(cgroups, cgroupPath, mappings === undefined ? "born" : "moves");
  return [
    ...cgroups.create(cgroupPath, spec.linux.resources),
    ...cgroup.before,
    ...oomScoreOps(spec),
    ...(mappings === undefined ? rootOps(rootfs) : idmappedRootOps(rootfs, mappings)),
    ...mounts.outside,
    ...devices.outside,
    ...privilegedOps(spec.process, spec.linux),
    ...namespaces.before,
    { op: "spawn_init", flags: namespaces.flags, cgroup: cgroup.born },
    ...cgroup.inside,
    ...insideOps(request, namespaces, [...mounts.inside, ...devices.inside]),
    ...processOps(spec.process, spec.linux.seccomp, { waitForStart: true }),
  ];
}

function oomScoreOps(spec: RuntimeSpec): PlanOp[] {
  const { oomScoreAdj } = spec.process;
  return oomScoreAdj === undefined ? [] : [{ op: "oom_score_adj", value: oomScoreAdj, ignore: [] }];
}

function insideOps({ id, spec, rootfs }: LaunchRequest, namespaces: NamespacePlan, world: PlanOp[]): PlanOp[] {
  const { process, linux } = spec;
  const ops: PlanOp[] = [
    { op: "reset" },
    { op: "keyring", name: `_ses.${id}`, ignore: [ENOSYS] },
    ...namespaces.after,
    { op: "propagation", path: "/", flags: MS_REC | MS_PRIVATE },
    { op: "attach_root", slot: SLOT_ROOT },
    ...world,
    ...stdioOp(process, true),
    // The directory that the image may lack, made as Docker makes it: by root, for all to enter.
    { op: "make_dir", path: process.cwd, mode: 0o755, uid: 0, gid: 0 },
    { op: "pivot_root" },
  ];
  if (namespaces.isNew("network")) ops.push({ op: "loopback_up" });
  if (namespaces.isNew("uts")) {
    if (spec.hostname) ops.push({ op: "hostname", name: spec.hostname });
    if (spec.domainname) ops.push({ op: "domainname", name: spec.domainname });
  }
  ops.push(...sysctlOps(linux));
  ops.push(...linux.readonlyPaths.map((path): PlanOp => ({ op: "readonly_path", path })));
  ops.push(...linux.maskedPaths.map((path): PlanOp => ({ op: "mask_path", path })));
  ops.push(...rootAttributeOps(spec, rootfs));
  return ops;
}

const ROOT_PROPAGATION: Readonly<Record<string, number>> = {
  shared: MS_SHARED,
  rshared: MS_SHARED,
  slave: MS_SLAVE,
  rslave: MS_SLAVE,
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE,
};

function rootAttributeOps(spec: RuntimeSpec, rootfs: RootfsMount): PlanOp[] {
  const readOnly = spec.root.readonly || (rootfs.type === "bind" && rootfs.readOnly);
  const name = spec.linux.rootfsPropagation;
  const propagation = name === undefined ? 0 : ROOT_PROPAGATION[name];
  if (propagation === undefined) throw specFailure(`rootfsPropagation=${name} is not supported`);
  if (!readOnly && propagation === 0) return [];
  return [{ op: "root_setattr", set: readOnly ? MOUNT_ATTR_RDONLY : 0, clear: 0, propagation }];
}
