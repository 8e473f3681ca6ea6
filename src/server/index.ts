export type { ResponseObserver } from "./dispatch.ts";
export { createResponseReport } from "./response-report.ts";
export { createServer, type ListenAddress, type TlsOptions } from "./server.ts";
