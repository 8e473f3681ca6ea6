export { ShimRuntime } from "./shim-runtime.ts";
export type { RuntimeContext } from "./types.ts";
