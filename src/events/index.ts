export { createEventBus } from "./event-bus.ts";
export type * from "./types.ts";
