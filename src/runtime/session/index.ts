export { probeUserNamespaces, type UserNamespaceProbe } from "./userns-probe.ts";
export { PlanLauncher } from "./plan-launcher.ts";
export { ShimRuntime } from "./shim-runtime.ts";
