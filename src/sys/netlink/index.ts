export * from "./conntrack.ts";
export * from "./route.ts";
export { NetlinkError, NetlinkSocket } from "./socket.ts";
export type { Message, Request } from "./wire.ts";
