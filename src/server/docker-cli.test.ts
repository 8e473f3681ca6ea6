import { describe, expect, test } from "bun:test";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "../base/index.ts";
import type { ContainerSummary } from "../api/index.ts";
import { startTestServer } from "./testing/test-server.ts";

const run = promisify(execFile);

async function hasDocker(): Promise<boolean> {
  try {
    await run("docker", ["--version"]);
    return true;
  } catch {
    console.log("skipped: the docker CLI, because it is not installed");
    return false;
  }
}

const available = await hasDocker();

describe.skipIf(!available)("the docker CLI", () => {
  const container: ContainerSummary = {
    Id: "a".repeat(64),
    Names: ["/box"],
    Image: "busybox",
    ImageID: `sha256:${"b".repeat(64)}`,
    Command: "sh",
    Created: 1,
    Ports: [],
    Labels: {},
    State: "running",
    Status: "Up 2 hours",
    HostConfig: { NetworkMode: "default" },
    NetworkSettings: { Networks: {} },
    Mounts: [],
  };

  async function docker(...args: string[]): Promise<string> {
    await using server = await startTestServer({
      system: { version: async () => ({ Version: "9.8.7", ApiVersion: "1.51", MinAPIVersion: "1.24", Os: "linux" }) },
      containers: { list: async () => [container], inspect: async () => ({ Id: container.Id ?? "" }) },
    });
    const { stdout } = await run("docker", ["-H", `unix://${server.path}`, ...args]);
    return stdout.trim();
  }

  test("negotiates and shows the version", async () => {
    expect(await docker("version", "--format", "{{.Server.Version}}")).toBe("9.8.7");
  });

  test("lists containers", async () => {
    expect(await docker("ps", "--format", "{{.Names}} {{.Image}} {{.Status}}")).toBe("box busybox Up 2 hours");
  });

  test("inspects", async () => {
    expect(await docker("inspect", "--type", "container", "--format", "{{.Id}}", "box")).toBe("a".repeat(64));
  });

  test("shows an error as the daemon's", async () => {
    await using server = await startTestServer();
    const failure = await run("docker", ["-H", `unix://${server.path}`, "stop", "box"]).catch(messageOf);
    expect(failure).toContain("Error response from daemon: fake containers.stop");
  });
});
