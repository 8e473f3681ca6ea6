export { compileCreatePlan, type LaunchFacts, type LaunchRequest } from "./create-plan.ts";
export { createFailure, execFailure } from "./errors.ts";
export { compileExecPlan } from "./exec-plan.ts";
export { planFailure, type PlanStop } from "./failures.ts";
