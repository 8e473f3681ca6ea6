import { connect } from "node:net";
import type { TestEngine } from "../../support/engine.ts";
import { busyboxArchive } from "../../support/images.ts";
import { eventually } from "../../support/wait.ts";

/** One step: what it does, and whether it worked. Steps go on after a failure, as an engine that was killed gives many. */
interface Step {
  name: string;
  run: (engine: TestEngine) => Promise<unknown>;
}

const call = (name: string, method: string, path: string, body?: unknown): Step => ({
  name,
  run: async (engine) => {
    const answer = await engine.api(method, path, body);
    // A pull that fails after its first progress line says so in its body.
    if (answer.status >= 400 || answer.text.includes('"errorDetail"')) {
      throw new Error(`${name}: ${answer.status} ${answer.text}`);
    }
  },
});

const CONTAINER = {
  Image: "crash:image",
  Cmd: ["sh", "-c", "httpd -p 80; yes ready | head -n 100; exec sleep 600"],
  ExposedPorts: { "80/tcp": {} },
  HostConfig: {
    Binds: ["crash-volume:/data"],
    Mounts: [{ Type: "volume", Target: "/anonymous" }],
    NetworkMode: "crash-net",
    // What it says at its start is more than one file takes.
    LogConfig: { Type: "json-file", Config: { "max-size": "1k", "max-file": "3", compress: "true" } },
    PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] },
  },
};

/** A connection that is tracked for two minutes when nobody forgets it. */
async function talk(engine: TestEngine): Promise<void> {
  const { json } = await engine.api("GET", "/containers/crash/json");
  const { NetworkSettings } = json as {
    NetworkSettings: { Ports: Record<string, Array<{ HostPort: string }> | null> };
  }; // the API's shape
  const port = Number(NetworkSettings.Ports["80/tcp"]?.[0]?.HostPort);
  await eventually("an answer of the container", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.end("GET / HTTP/1.0\r\n\r\n");
    return await new Promise<boolean>((resolve) => {
      socket.once("data", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => resolve(false));
    });
  });
}

/**
 * Passes through every plan of side effects: load, pull, volume, network, create, start, stop, remove, untag.
 * @param pulled an image at a registry, `HOST:PORT/NAME:TAG`.
 */
export function scenario(pulled: string): readonly Step[] {
  return [
    {
      name: "load",
      run: (engine) => engine.load(busyboxArchive("crash:image", { Labels: { made: "for the crash tests" } })),
    },
    call("pull", "POST", `/images/create?fromImage=${encodeURIComponent(pulled)}`),
    call("volume", "POST", "/volumes/create", { Name: "crash-volume" }),
    call("network", "POST", "/networks/create", { Name: "crash-net" }),
    call("create", "POST", "/containers/create?name=crash", CONTAINER),
    call("start", "POST", "/containers/crash/start"),
    { name: "talk", run: talk },
    call("rename", "POST", "/containers/crash/rename?name=crash2"),
    call("rename back", "POST", "/containers/crash2/rename?name=crash"),
    // Its name comes first: default route and ports move there, and back.
    call("second network", "POST", "/networks/create", { Name: "crash-aside" }),
    call("connect", "POST", "/networks/crash-aside/connect", { Container: "crash" }),
    call("disconnect", "POST", "/networks/crash-aside/disconnect", { Container: "crash" }),
    call("second network removal", "DELETE", "/networks/crash-aside"),
    call("pause", "POST", "/containers/crash/pause"),
    call("unpause", "POST", "/containers/crash/unpause"),
    call("update", "POST", "/containers/crash/update", { Memory: 64 * 1024 * 1024, MemorySwap: -1 }),
    call("restart", "POST", "/containers/crash/restart?t=0"),
    call("commit", "POST", "/commit?container=crash&repo=crash&tag=committed"),
    call("stop", "POST", "/containers/crash/stop?t=0"),
    call("remove", "DELETE", "/containers/crash?v=1"),
    call("untag committed", "DELETE", "/images/crash:committed"),
    call("network removal", "DELETE", "/networks/crash-net"),
    call("volume removal", "DELETE", "/volumes/crash-volume"),
    call("untag pulled", "DELETE", `/images/${pulled}`),
    call("untag", "DELETE", "/images/crash:image"),
  ];
}

/** Runs all steps; gives the failures, by step. */
export async function play(engine: TestEngine, steps: readonly Step[]): Promise<string[]> {
  const failures: string[] = [];
  for (const step of steps) {
    try {
      await step.run(engine);
    } catch (error) {
      failures.push(`${step.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failures;
}

/** Removes whatever the scenario made, by what the engine lists. Each removal has to work. */
export async function removeAll(engine: TestEngine): Promise<void> {
  for (const { Id } of await rows(engine, "/containers/json?all=1")) {
    await must(engine, "DELETE", `/containers/${Id}?force=1&v=1`);
  }
  for (const { Id, Name } of await rows(engine, "/networks")) {
    if (Name === "bridge" || Name === "host" || Name === "none") continue;
    await must(engine, "DELETE", `/networks/${Id}`);
  }
  const volumes = (await engine.api("GET", "/volumes")).json as { Volumes?: Array<{ Name: string }> | null }; // the list's shape
  for (const { Name } of volumes.Volumes ?? []) await must(engine, "DELETE", `/volumes/${Name}`);
  for (const { Id } of await rows(engine, "/images/json?all=1")) await must(engine, "DELETE", `/images/${Id}?force=1`);
}

/** What containers say of how their run ended: nothing, as long as only the daemon was killed. */
export async function runErrors(engine: TestEngine): Promise<string[]> {
  const errors: string[] = [];
  for (const { Id } of await rows(engine, "/containers/json?all=1")) {
    const { json } = await engine.api("GET", `/containers/${Id}/json`);
    const { Error } = (json as { State: { Error: string } }).State; // the API's shape
    if (Error !== "") errors.push(Error);
  }
  return errors;
}

async function rows(engine: TestEngine, path: string): Promise<Array<{ Id: string; Name?: string }>> {
  const answer = await engine.api("GET", path);
  if (answer.status !== 200 || !Array.isArray(answer.json)) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  return answer.json as Array<{ Id: string; Name?: string }>; // the lists' common shape
}

async function must(engine: TestEngine, method: string, path: string): Promise<void> {
  const answer = await engine.api(method, path);
  // Gone meanwhile: an earlier removal in the background has finished.
  if (answer.status >= 400 && answer.status !== 404) {
    throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  }
}
