import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { EngineError, messageOf } from "../base/index.ts";
import { humanDuration, statusText } from "./query/status-text.ts";
import { chosen } from "./query/top.ts";
import { NEW_STATE, type RunState } from "./state.ts";
import { CALL, FakeWorld, IMAGE_ID } from "./testing/fake-world.ts";

let world: FakeWorld;

beforeEach(() => (world = new FakeWorld()));
afterEach(() => world[Symbol.asyncDispose]());

async function names(filters: Record<string, string[]>, all = true): Promise<string> {
  try {
    const query = { all, limit: undefined, size: false, filters: new Map(Object.entries(filters)) };
    const found = await world.containers.list(query);
    return found.map(({ Names }) => Names?.[0]?.slice(1)).join(" ");
  } catch (error) {
    return error instanceof EngineError ? `${error.kind}: ${error.message}` : messageOf(error);
  }
}

describe("list", () => {
  beforeEach(async () => {
    await world.run({ Labels: { tier: "front" }, HostConfig: { NetworkMode: "none" } }, "web");
    const failed = await world.run({ ExposedPorts: { "53/udp": {} }, HostConfig: { Binds: ["data:/d"] } }, "job");
    const { result } = await world.containers.wait(failed, "next-exit", CALL);
    world.runtime.task(failed).exit(3);
    await result;
    await world.create({ HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8080" }] } } }, "app-1");
  });

  const rows: Array<[Record<string, string[]>, string]> = [
    [{}, "app-1 job web"],
    [{ name: ["app"] }, "app-1"],
    [{ name: ["^/job$", "web"] }, "job web"],
    [{ label: ["tier"] }, "web"],
    [{ label: ["tier=front"] }, "web"],
    [{ label: ["tier=back"] }, ""],
    [{ status: ["exited", "created"] }, "app-1 job"],
    [{ exited: ["3"] }, "job"],
    [{ exited: ["0"] }, ""],
    [{ before: ["job"] }, "web"],
    [{ since: ["job"] }, "app-1"],
    [{ volume: ["data"] }, "job"],
    [{ volume: ["/d"] }, "job"],
    [{ network: ["none"] }, "web"],
    [{ network: ["bridge"] }, "app-1 job"],
    [{ network: ["id-of-bridge"] }, "app-1 job"],
    [{ publish: ["8080"] }, ""],
    [{ expose: ["53/udp"] }, ""],
    [{ ancestor: ["busybox"] }, "app-1 job web"],
    [{ ancestor: ["other"] }, ""],
    [{ health: ["none"] }, "app-1 job web"],
    [{ "is-task": ["true"] }, ""],
    [{ nope: ["1"] }, "invalid: invalid filter 'nope'"],
    [
      { status: ["odd"] },
      "invalid: invalid filter 'status=odd': invalid value for state (odd): must be one of created, running, paused, restarting, removing, exited, dead",
    ],
    [{ exited: ["x"] }, `invalid: invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`],
    [{ before: ["gone"] }, "not-found: No such container: gone"],
  ];
  for (const [filters, expected] of rows) {
    test(`${JSON.stringify(filters)}: ${expected}`, async () => expect(await names(filters)).toBe(expected));
  }

  test("ports are those of containers that run: published by the host's number, exposed by their own", async () => {
    await world.containers.start("app-1", CALL);
    expect(await names({ publish: ["8080"] })).toBe("app-1");
    expect(await names({ publish: ["8000-9000/tcp"] })).toBe("app-1");
    expect(await names({ publish: ["80"] })).toBe("");
    expect(await names({ publish: ["8080/udp"] })).toBe("");
    expect(await names({ expose: ["80"] })).toBe("app-1");
    expect(await names({ expose: ["53/udp"], publish: ["8080"] })).toBe("app-1");
  });

  test.each([
    ["x", "x"],
    ["80-x", "x"],
    ["-80/tcp", ""],
  ])("a port %j is none", async (publish, part) => {
    const error = `error while looking up for publish ${publish}: strconv.ParseUint: parsing "${part}": invalid syntax`;
    expect(await names({ publish: [publish] })).toBe(`invalid: ${error}`);
  });

  test("without all gives what runs, unless a status is asked for", async () => {
    expect(await names({}, false)).toBe("web");
    expect(await names({ status: ["exited"] }, false)).toBe("job");
  });

  test("a limit gives the newest, running or not", async () => {
    const found = await world.containers.list({ all: false, limit: 2, size: true, filters: new Map() });
    expect(found.map(({ Names }) => Names?.[0])).toEqual(["/app-1", "/job"]);
    expect(found[0]).toMatchObject({ SizeRw: 10, SizeRootFs: 20, ImageID: IMAGE_ID, Image: "busybox" });
  });

  test("what was shown before is shown as it is now", async () => {
    const query = { all: true, limit: undefined, size: false, filters: new Map([["name", ["api"]]]) };
    const shown = async () => (await world.containers.list(query))[0];
    const container = await world.run({ ExposedPorts: { "80/tcp": {} } }, "api");
    expect(await shown()).toMatchObject({ Names: ["/api"], State: "running", Ports: [{ PrivatePort: 80 }] });
    await world.containers.rename(container, "api-2");
    expect(await shown()).toMatchObject({ Names: ["/api-2"], State: "running" });
    const { result } = await world.containers.wait(container, "next-exit", CALL);
    world.runtime.task(container).exit(0);
    await result;
    expect(await shown()).toMatchObject({ Names: ["/api-2"], State: "exited", Ports: [] });
  });

  test.each(["host", "none"])("in the network %s a container has no ports", async (network) => {
    await world.run({ ExposedPorts: { "80/tcp": {} }, HostConfig: { NetworkMode: network } }, `in-${network}`);
    const query = { all: true, limit: undefined, size: false, filters: new Map([["name", [`in-${network}`]]]) };
    expect(await world.containers.list(query)).toMatchObject([{ Names: [`/in-${network}`], Ports: [] }]);
  });

  test("a pattern that could run for ever is taken literally", async () => {
    expect(await names({ name: ["(a+)+$"] })).toBe("");
  });
});

describe("the status column", () => {
  const SECOND = 1_000_000_000n;
  const now = 1000n * 3600n * SECOND;
  const state = (over: Partial<RunState>): RunState => ({ ...NEW_STATE, ...over });
  const running = { kind: "running", pid: 1, paused: false } as const;
  const started = String(now - 300n * SECOND);
  const rows: Array<[RunState, string]> = [
    [state({}), "Created"],
    [state({ phase: running, startedAt: started }), "Up 5 minutes"],
    [state({ phase: { ...running, paused: true }, startedAt: started }), "Up 5 minutes (Paused)"],
    [state({ startedAt: "1", finishedAt: started, exitCode: 2 }), "Exited (2) 5 minutes ago"],
    [state({ phase: { kind: "restarting" }, finishedAt: started, exitCode: 2 }), "Restarting (2) 5 minutes ago"],
    [state({ phase: { kind: "dead" } }), "Dead"],
    [state({ phase: { kind: "removing" } }), "Removal In Progress"],
  ];
  for (const [from, text] of rows) test(text, () => expect(statusText(from, undefined, now)).toBe(text));

  test("tells health", () => {
    const up = state({ phase: running, startedAt: started });
    const health = (status: "starting" | "healthy") => ({ status, failingStreak: 0, log: [] });
    expect(statusText(up, health("healthy"), now)).toBe("Up 5 minutes (healthy)");
    expect(statusText(up, health("starting"), now)).toBe("Up 5 minutes (health: starting)");
  });

  test("durations", () => {
    const spans = [0, 1, 59, 60, 119, 120, 3599, 3600, 5400, 7200, 172800, 1209600, 5184000, 63072000];
    expect(spans.map((seconds) => humanDuration(BigInt(seconds) * SECOND))).toEqual([
      "Less than a second",
      "1 second",
      "59 seconds",
      "About a minute",
      "About a minute",
      "2 minutes",
      "59 minutes",
      "About an hour",
      "2 hours",
      "2 hours",
      "2 days",
      "2 weeks",
      "2 months",
      "2 years",
    ]);
  });
});

describe("top", () => {
  test("gives the container's processes with the usual columns", async () => {
    const id = await world.run();
    const { Titles, Processes = [] } = await world.containers.top(id, undefined);
    expect(Titles).toEqual(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    expect(Processes).toHaveLength(1);
    expect(Processes[0]?.[1]).toBe(String(process.pid));
  });

  test("keeps the rows of the container from ps's output", () => {
    const output = "  PID COMMAND\n    7 sleep 10 20\n    8 other\n";
    expect(chosen(output, new Set([7]))).toEqual({ Titles: ["PID", "COMMAND"], Processes: [["7", "sleep 10 20"]] });
    expect(() => chosen("COMMAND\nx\n", new Set())).toThrow("Couldn't find PID field in ps output");
  });

  test("refuses to rename the pids", async () => {
    const id = await world.run();
    expect(await world.containers.top(id, "-o X=PID").catch(messageOf)).toBe('specifying "X=PID" is not allowed');
  });
});

describe("stats", () => {
  async function samples(id: string, options: { stream: boolean; oneShot: boolean }) {
    const all = [];
    for await (const sample of await world.containers.stats(id, options, CALL)) {
      all.push(sample);
      if (all.length === 2) break;
    }
    return all;
  }

  test("one shot gives one sample without one before it", async () => {
    const id = await world.run({}, "web");
    const [sample, ...rest] = await samples(id, { stream: false, oneShot: true });
    expect(rest).toEqual([]);
    expect(sample).toMatchObject({
      name: "/web",
      preread: "0001-01-01T00:00:00Z",
      cpu_stats: { cpu_usage: { total_usage: 300, usage_in_usermode: 200 }, online_cpus: 2 },
      precpu_stats: { cpu_usage: { total_usage: 0 } },
      memory_stats: { usage: 4096, limit: 8192, max_usage: 5000 },
      pids_stats: { current: 2 },
    });
  });

  test("a container that does not run gives an empty sample", async () => {
    const [sample] = await samples(await world.create(), { stream: false, oneShot: false });
    expect(sample).toMatchObject({ read: "0001-01-01T00:00:00Z", memory_stats: {} });
  });
});

describe("diff", () => {
  test("leaves out what the engine made, but not what the container made of it", async () => {
    expect(await world.containers.changes(await world.create())).toEqual([
      { Path: "/dev", Kind: 0 },
      { Path: "/new", Kind: 1 },
    ]);
  });
});
