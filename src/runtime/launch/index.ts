export { CLONE, SLOT_ROOT } from "./constants.ts";
export { compileCreatePlan, type LaunchFacts } from "./create-plan.ts";
export { createFailure, execFailure } from "./errors.ts";
export { compileExecPlan } from "./exec-plan.ts";
export { planFailure } from "./failures.ts";
export { idmappedRootOps } from "./rootfs.ts";
