export type { ResponseObserver } from "./dispatch.ts";
export { createResponseReport } from "./response-report.ts";
export type { Backends } from "./routes/index.ts";
export {
  type ApiListener,
  type ApiServer,
  createServer,
  type ListenAddress,
  type ServerOptions,
  type TlsOptions,
} from "./server.ts";
