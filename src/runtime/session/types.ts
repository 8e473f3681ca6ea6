import type { Logger } from "../../base/index.ts";
import type { CgroupDriver } from "../cgroups/index.ts";
import type { ShimProgram } from "../shim/index.ts";
import type { LayerCalls } from "../users/index.ts";

/** What every task of a runtime shares. */
export interface RuntimeContext {
  cgroups: CgroupDriver;
  shim: ShimProgram;
  calls: LayerCalls;
  logger: Logger;
}
