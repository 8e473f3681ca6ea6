export type { ExitEvent } from "./connection.ts";
export { PlanFailure, ShimError, errnoName } from "./errors.ts";
export { SOCKET_NAME, type ShimProgram } from "./launcher.ts";
export type { ShimStateName } from "./protocol.ts";
export { EXIT_RECORD, readExitRecord } from "./records.ts";
export {
  Shim,
  type AttachOptions,
  type ContainerOptions,
  type CreateOptions,
  type ExecOptions,
  type ExecProcessOptions,
  type ExternalCreateOptions,
  type ExternalExecOptions,
  type ExternalProgram,
  type ShimState,
  type StartedExec,
} from "./shim.ts";
export { requireDrained, ShimStdio, type StdioEnd } from "./stdio.ts";
