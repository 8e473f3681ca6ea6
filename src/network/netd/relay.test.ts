import { expect, test } from "bun:test";
import { closeSync, openSync, readdirSync } from "node:fs";
import { createLogger } from "../../base/index.ts";
import { loadNative } from "../../sys/index.ts";
import { PortRelay } from "./relay.ts";

const lines: string[] = [];
const relay = new PortRelay(
  loadNative(),
  createLogger({ level: "warn", format: "text", write: (line) => lines.push(line) }),
);

test("a process that took a supervisor's pid is told by its descriptors, and none of them is kept", () => {
  const descriptor = openSync("/dev/null", "r");
  const before = readdirSync("/proc/self/fd").length;
  relay.start({
    port: {
      protocol: "tcp",
      containerPort: 80,
      hostAddress: "::",
      hostPort: 8080,
      held: { pid: process.pid, descriptor },
    },
    target: "127.0.0.1",
  });
  expect(readdirSync("/proc/self/fd").length).toBe(before);
  expect(lines.join("")).toContain("port relay");
  closeSync(descriptor);
});
