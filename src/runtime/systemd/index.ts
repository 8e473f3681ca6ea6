export { PRIVATE_SOCKET, SystemdManager, type Property } from "./manager.ts";
export { noSystemd } from "./errors.ts";
