import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { LinuxResources } from "../../spec/index.ts";
import type { SystemdManager } from "../systemd/index.ts";
import { ioWeightWrites } from "./resources-v2.ts";
import { limitProperties } from "./scope-properties.ts";
import { scopeOf } from "./slices.ts";
import type { CgroupManager } from "./types.ts";
import { applyWrites } from "./update.ts";
import { CgroupV2, enable } from "./v2.ts";

/**
 * cgroup v2 on a host whose systemd is to know of containers: each has a transient scope, delegated to berth.
 *
 *     system.slice/docker-<id>.scope/     the unit: weights, and the limits with some room
 *     ├─ supervisor/                      the shim, whose life is the scope's
 *     └─ container/                       PID 1 and its children, with the exact limits
 *
 * systemd removes a scope's cgroup as soon as no process is in it. With the supervisor in it, what the kernel counted
 * (memory.events) is there to be read when PID 1 has ended.
 */
export class SystemdCgroups extends CgroupV2 {
  readonly #root: string;
  readonly #systemd: SystemdManager;
  override readonly manager: CgroupManager;

  /** @param root where cgroup2 is mounted. */
  constructor(root: string, systemd: SystemdManager) {
    super(root, "systemd");
    this.#root = root;
    this.#systemd = systemd;
    this.manager = {
      adopt: (path, supervisor, resources) => this.#adopt(path, supervisor, resources),
      update: (path, resources) => this.#update(path, resources),
      dismiss: (path) => this.#dismiss(path),
    };
  }

  /** A scope is there once its supervisor is in it. */
  override async prepareParent(path: string): Promise<void> {
    if (scopeOf(path) === undefined) await super.prepareParent(path);
  }

  async #adopt(path: string, supervisor: number, resources: LinuxResources): Promise<void> {
    const scope = scopeOf(path);
    if (scope === undefined) return;
    await this.#systemd.startScope(scope.unit, [
      ["Description", "s", `Container ${scope.unit.replace(/^docker-|\.scope$/g, "")}`],
      ["Slice", "s", scope.slice],
      ["PIDs", "au", [supervisor]],
      ["Delegate", "b", true],
      // The engine stops its containers when the machine goes down, in its own order.
      ["DefaultDependencies", "b", false],
      ["CollectMode", "s", "inactive-or-failed"],
      ...limitProperties(resources),
    ]);
    // Controllers that systemd does not hand down by itself, such as hugetlb.
    await super.prepareParent(scope.path);
    const directory = `${this.#root}${scope.path}`;
    // A cgroup that hands controllers down has no processes of its own.
    await mkdir(`${directory}/supervisor`, { recursive: true });
    await writeFile(`${directory}/supervisor/cgroup.procs`, String(supervisor));
    const controllers = (await readFile(`${directory}/cgroup.controllers`, "utf8")).trim().split(" ");
    // One by one: in the kernel they wait for the same lock.
    for (const controller of controllers) await enable(directory, controller);
    await this.#weigh(directory, resources);
  }

  async #update(path: string, resources: LinuxResources): Promise<void> {
    const scope = scopeOf(path);
    if (scope === undefined) return;
    const properties = limitProperties({ ...resources, ...(await this.#wholeCpu(path, resources)) });
    if (properties.length > 0) await this.#systemd.setProperties(scope.unit, properties);
    await this.#weigh(`${this.#root}${scope.path}`, resources);
  }

  /** Weights hold between scopes. systemd has one of its own scale for BFQ's, and by paths for those of devices. */
  async #weigh(directory: string, { blockIO = {} }: LinuxResources): Promise<void> {
    const fileOf = (file: string) => `${directory}/${file}`;
    await applyWrites(ioWeightWrites(blockIO, fileOf, (file) => existsSync(fileOf(file))));
  }

  /** A quota means nothing without its period, and an update may tell one of them: the container's cgroup has both. */
  async #wholeCpu(path: string, { cpu }: LinuxResources): Promise<Pick<LinuxResources, "cpu">> {
    if (!cpu?.quota && !cpu?.period) return {};
    const [quota, period] = (await readFile(`${this.#root}${path}/cpu.max`, "utf8")).split(" ");
    return { cpu: { ...cpu, quota: quota === "max" ? -1 : Number(quota), period: Number(period) } };
  }

  async #dismiss(path: string): Promise<void> {
    const scope = scopeOf(path);
    if (scope !== undefined) await this.#systemd.stop(scope.unit);
  }
}
