import { createLogger, parseContainerId } from "../../base/index.ts";
import { loadNative } from "../../sys/index.ts";
import { createRuntime } from "../index.ts";
import type { TaskRequest } from "../types.ts";

/** A daemon that makes, starts and releases one container; `BERTH_CRASH` stops it on the way. */
const [execRoot = "", shimPath = "", text = ""] = process.argv.slice(2);
const request = JSON.parse(text) as TaskRequest; // made by the test that starts this
const logger = createLogger({ level: "warn", format: "text", write: (line) => console.error(line) });
const { runtime } = await createRuntime({ execRoot, shimPath, calls: loadNative(), logger });
const task = await runtime.create({ ...request, id: parseContainerId(request.id) }, new AbortController().signal);
await task.start();
await task.release();
process.exit(0);
