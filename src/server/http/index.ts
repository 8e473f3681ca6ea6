export { Connection, type ConnectionOptions } from "./connection.ts";
export type { Exchange, ExchangeHandler, Hijacked } from "./exchange.ts";
export { HttpFault } from "./fault.ts";
export { defaultLimits, type HttpLimits } from "./limits.ts";
export { Presence } from "./presence.ts";
export type { HeaderFields, Responder } from "./responder.ts";
export type { SocketReader } from "./socket-reader.ts";
export type { SocketWriter } from "./socket-writer.ts";
export { systemTimers, type Timers } from "./timers.ts";
