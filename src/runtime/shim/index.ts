export type { ExitEvent } from "./connection.ts";
export { PlanFailure, ShimError } from "./errors.ts";
export { SOCKET_NAME, type ShimProgram } from "./launcher.ts";
export { overlayNeedsMount2 } from "./overlay-support.ts";
export { ShimPool } from "./pool.ts";
export { EXIT_RECORD, readExitRecord } from "./records.ts";
export { Shim, type ContainerOptions, type ExecProcessOptions, type StartedExec } from "./shim.ts";
export { ShimStdio } from "./stdio.ts";
