export { LOG_DRIVERS } from "./drivers.ts";
export type * from "./types.ts";
