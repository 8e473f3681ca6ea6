export { detailsText } from "./attributes.ts";
export { LOG_DRIVERS, logFileIn } from "./drivers.ts";
export { createLogService, type LogRequest, type LogService } from "./log-service.ts";
export type * from "./types.ts";
