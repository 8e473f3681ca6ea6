import { parentPort, workerData } from "node:worker_threads";
import { loadNative } from "../sys/index.ts";
import { serve } from "./worker-serve.ts";

/** A thread of the archive's worker pool (`worker-pool.ts`). */
const data: unknown = workerData;
const addonPath =
  typeof data === "object" && data !== null && "addonPath" in data && typeof data.addonPath === "string"
    ? data.addonPath
    : undefined;
if (parentPort !== null) serve(loadNative(addonPath), parentPort);
