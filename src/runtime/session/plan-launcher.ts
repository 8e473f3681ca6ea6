import type { CgroupDriver } from "../cgroups/index.ts";
import { compileCreatePlan, compileExecPlan, planFailure } from "../launch/index.ts";
import { encodePlan, type PlanOp } from "../plan/index.ts";
import { PlanFailure, type ExecProcessOptions, type Shim, type StartedExec } from "../shim/index.ts";
import type { ExecRequest, TaskRequest } from "../types.ts";
import type { LayerCalls } from "../users/index.ts";
import { gatherLaunchFacts } from "./launch-facts.ts";
import type { PreparedTask, TaskLauncher, TaskPlace } from "./types.ts";

/** The built-in runtime: specs become launch plans, which the shim's children interpret. */
export class PlanLauncher implements TaskLauncher {
  readonly #cgroups: CgroupDriver;
  readonly #calls: LayerCalls;

  constructor(cgroups: CgroupDriver, calls: LayerCalls) {
    this.#cgroups = cgroups;
    this.#calls = calls;
  }

  async prepare({ spec, rootfs }: TaskRequest, { id, record }: TaskPlace): Promise<PreparedTask> {
    const { cgroupPath } = record;
    const [facts] = await Promise.all([
      gatherLaunchFacts(spec.mounts, rootfs, this.#calls),
      this.#cgroups.prepareParent(cgroupPath),
    ]);
    const ops = compileCreatePlan({ id, spec, rootfs, cgroupPath }, this.#cgroups, facts);
    const plan = encodePlan(ops);
    return {
      create: (shim, options) => explained(ops, "create", () => shim.create({ ...options, plan })),
    };
  }

  async start(shim: Shim): Promise<void> {
    await explained([], "create", () => shim.start());
  }

  async exec(
    shim: Shim,
    { id, record }: TaskPlace,
    request: ExecRequest,
    options: ExecProcessOptions,
  ): Promise<StartedExec> {
    const { cgroupPath, spec } = record;
    const exec = { id, container: spec, process: request.process, cgroupPath };
    const ops = compileExecPlan(exec, this.#cgroups, "inherits");
    try {
      return await shim.exec({ ...options, plan: encodePlan(ops) });
    } catch (error) {
      if (!isFull(error)) throw explain(ops, "exec", error);
    }
    const slower = compileExecPlan(exec, this.#cgroups, "moves");
    return await explained(slower, "exec", () => shim.exec({ ...options, plan: encodePlan(slower) }));
  }

  /** A plan leaves nothing outside of the container's namespaces and its cgroup. */
  async remove(): Promise<void> {}
}

/** Whether a cgroup's limit on processes leaves no room for a helper beside the process that it makes. */
function isFull(error: unknown): boolean {
  if (!(error instanceof PlanFailure) || error.errno !== "EAGAIN") return false;
  return error.op === "begin_in" || error.op === "spawn_init";
}

/** Turns a plan's failure into Docker's words. */
async function explained<T>(ops: readonly PlanOp[], phase: "create" | "exec", work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(ops, phase, error);
  }
}

function explain(ops: readonly PlanOp[], phase: "create" | "exec", error: unknown): unknown {
  if (!(error instanceof PlanFailure)) return error;
  const { index, errno, detail } = error;
  return planFailure(ops, { index, errno, detail, cause: error }, phase);
}
