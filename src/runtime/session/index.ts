export { PlanLauncher } from "./plan-launcher.ts";
export { ShimRuntime } from "./shim-runtime.ts";
