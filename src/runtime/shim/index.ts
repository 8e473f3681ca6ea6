export type { ExitEvent } from "./connection.ts";
export { PlanFailure, ShimError } from "./errors.ts";
export type { ShimProgram } from "./launcher.ts";
export { readExitRecord } from "./records.ts";
export { Shim, type ContainerOptions, type ExecProcessOptions, type StartedExec } from "./shim.ts";
export { ShimStdio } from "./stdio.ts";
