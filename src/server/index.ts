export type { ResponseObserver } from "./dispatch.ts";
export { serveMetrics, type MetricsServer } from "./metrics-server.ts";
export { createResponseReport } from "./response-report.ts";
export { createServer, type ListenAddress, type TlsOptions } from "./server.ts";
