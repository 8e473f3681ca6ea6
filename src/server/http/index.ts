export { Connection, SERVER_ENDS } from "./connection.ts";
export type { DescriptorCalls } from "./descriptor.ts";
export type { Exchange, Hijacked } from "./exchange.ts";
export { HttpFault } from "./fault.ts";
export { parseHead, type RequestHead } from "./head.ts";
export { defaultLimits, type HttpLimits } from "./limits.ts";
export { Presence } from "./presence.ts";
export type { HeaderFields } from "./responder.ts";
export { systemTimers, type Timers } from "./timers.ts";
