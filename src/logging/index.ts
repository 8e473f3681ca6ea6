export { detailsText } from "./attributes.ts";
export { LOG_DRIVERS } from "./drivers.ts";
export { createLogService, type LogService } from "./log-service.ts";
export type * from "./types.ts";
