export { createEngineMetrics, familiesOf, type EngineMetrics } from "./engine-metrics.ts";
export { Gauge } from "./instruments.ts";
export { metricsText, TEXT_TYPE } from "./text.ts";
export type { Family, Sample } from "./types.ts";
