import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { once } from "node:events";
import { dockerOutput, startEngine, type TestEngine } from "../../support/engine.ts";
import { BERTH } from "../../support/engine.ts";
import { run } from "../../support/process.ts";
import { openFiles } from "../../support/descriptors.ts";
import { tcpReceiver } from "../../support/receivers.ts";
import { eventually } from "../../support/wait.ts";

let engine: TestEngine;
let port = 0;

beforeAll(async () => {
  engine = await startEngine({ flags: ["--metrics-addr=:0"] });
  port = Number(/metrics API listening.*address=127\.0\.0\.1:(\d+)/.exec(await engine.log())?.[1]);
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function scrape(path = "/metrics"): Promise<{ status: number; type: string; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: answer.status, type: answer.headers.get("content-type") ?? "", text: await answer.text() };
}

/** Values by name with labels, as they are written. */
async function values(): Promise<Map<string, number>> {
  const { text } = await scrape();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

/** What dockerd 28 shows of itself, besides swarm's, etcd's, buildkit's, its log buffers' and Go's own. */
const DOCKERS = [
  "engine_daemon_container_actions_seconds histogram",
  "engine_daemon_container_states_containers gauge",
  "engine_daemon_engine_cpus_cpus gauge",
  "engine_daemon_engine_info gauge",
  "engine_daemon_engine_memory_bytes gauge",
  "engine_daemon_events_subscribers_total gauge",
  "engine_daemon_events_total counter",
  "engine_daemon_health_check_start_duration_seconds histogram",
  "engine_daemon_health_checks_failed_total counter",
  "engine_daemon_health_checks_total counter",
  "engine_daemon_host_info_functions_seconds histogram",
  "engine_daemon_image_actions_seconds histogram",
  "engine_daemon_network_actions_seconds histogram",
  "process_cpu_seconds_total counter",
  "process_max_fds gauge",
  "process_network_receive_bytes_total counter",
  "process_network_transmit_bytes_total counter",
  "process_open_fds gauge",
  "process_resident_memory_bytes gauge",
  "process_start_time_seconds gauge",
  "process_virtual_memory_bytes gauge",
  "process_virtual_memory_max_bytes gauge",
];

describe("metrics", () => {
  test("have Docker's names and types, and every value is a number", async () => {
    const { status, type, text } = await scrape();
    expect([status, type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
    const types = [...text.matchAll(/^# TYPE (.*)$/gm)].map((match) => match[1] ?? "");
    expect(types.filter((each) => !each.startsWith("berth_"))).toEqual(DOCKERS);
    for (const [name, value] of await values()) expect([name, Number.isFinite(value)]).toEqual([name, true]);
    expect(text).toMatch(/engine_daemon_engine_info\{architecture="\S+",commit="[^"]*",daemon_id="[0-9a-f-]{36}",/);
  });

  test("follow what containers do", async () => {
    const before = await values();
    const id = (
      await dockerOutput(engine, ["run", "-d", "--health-cmd=false", "--health-interval=100ms", "busybox:local", "top"])
    ).trim();
    const running = await eventually("two failed health checks", async () => {
      const now = await values();
      return (now.get("engine_daemon_health_checks_failed_total") ?? 0) >= 2 ? now : undefined;
    });
    expect(running.get('engine_daemon_container_states_containers{state="running"}')).toBe(1);
    await dockerOutput(engine, ["pause", id]);
    expect((await values()).get('engine_daemon_container_states_containers{state="paused"}')).toBe(1);
    await dockerOutput(engine, ["rm", "-f", id]);
    await dockerOutput(engine, ["info"]);
    const after = await values();
    const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    for (const action of ["create", "start", "delete"]) {
      expect([action, grown(`engine_daemon_container_actions_seconds_count{action="${action}"}`)]).toEqual([action, 1]);
    }
    for (const action of ["allocate", "connect", "release"]) {
      const count = grown(`engine_daemon_network_actions_seconds_count{action="${action}"}`);
      expect([action, count >= 1]).toEqual([action, true]);
    }
    for (const step of ["prepare", "supervisor", "network", "attach", "program", "record"]) {
      expect([step, grown(`berth_start_step_seconds_count{step="${step}"}`)]).toEqual([step, 1]);
    }
    expect(grown('engine_daemon_host_info_functions_seconds_count{function="system_info"}')).toBe(1);
    // create, start, pause, kill, die, destroy, and those of the network
    expect(grown("engine_daemon_events_total")).toBeGreaterThanOrEqual(6);
  });

  test("tell how much of a log waits for its receiver", async () => {
    const receiver = await tcpReceiver();
    const away = receiver.port;
    await receiver[Symbol.asyncDispose]();
    const options = ["--log-driver=syslog", `--log-opt=syslog-address=tcp://127.0.0.1:${away}`];
    const echo = ["busybox:local", "echo", "hello"];
    const id = (await dockerOutput(engine, ["run", "-d", "--network=none", ...options, ...echo])).trim();
    await eventually("bytes that wait, and a failure", async () => {
      const now = await values();
      const failed = (now.get('berth_log_delivery_failures_total{driver="syslog"}') ?? 0) > 0;
      return failed && (now.get('berth_log_backlog_bytes{driver="syslog"}') ?? 0) > 0;
    });
    await using _back = await tcpReceiver(away);
    await eventually("all is delivered", async () => {
      const now = await values();
      const delivered = now.get('berth_log_entries_total{driver="syslog",result="delivered"}');
      return delivered === 1 && now.get('berth_log_backlog_bytes{driver="syslog"}') === 0;
    });
    await dockerOutput(engine, ["rm", id]);
  });

  test("are all that is there", async () => {
    expect(await scrape("/")).toMatchObject({ status: 404, text: "404 page not found\n" });
    expect((await scrape("/containers/json")).status).toBe(404);
  });

  test("take no more than 64 of the daemon's open files", async () => {
    const sockets = () => openFiles(engine.pid).get("socket") ?? 0;
    const before = sockets();
    const clients = Array.from({ length: 100 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
    try {
      await Promise.all(clients.map((client) => once(client, "connect")));
      await eventually("the others are closed", () => {
        const refused = clients.filter((client) => client.closed || client.readableEnded || client.destroyed).length;
        return refused >= 36 && sockets() <= before + 64;
      });
    } finally {
      for (const client of clients) client.destroy();
    }
    await eventually("all are gone", () => sockets() <= before);
    expect((await scrape()).status).toBe(200);
  });
});

describe("a wrong address", () => {
  const cases: Array<[string, string]> = [
    ["foo", "error parsing tcp address: address foo: missing port in address"],
    ["a:b:1", "error parsing tcp address: address a:b:1: too many colons in address"],
    ["127.0.0.1:0x", 'error parsing tcp address: strconv.Atoi: parsing "0x": invalid syntax'],
    ["127.0.0.1:99999", "listen tcp: address 99999: invalid port"],
  ];
  for (const [address, text] of cases) {
    test(`${address} is refused before anything is made`, async () => {
      const result = await run(BERTH, [
        "daemon",
        "--validate",
        "--config-file",
        engine.configFile,
        "--metrics-addr",
        address,
      ]);
      expect(result.code).toBe(1);
      expect(result.stderr).toBe(`failed to start daemon: failed to start metrics server: ${text}\n`);
    });
  }

  test("that is in use ends the start", async () => {
    await using receiver = await tcpReceiver();
    const other = startEngine({ image: false, flags: [`--metrics-addr=127.0.0.1:${receiver.port}`] });
    await expect(other).rejects.toThrow(
      `failed to start metrics server: listen tcp 127.0.0.1:${receiver.port}: bind: address already in use`,
    );
  });
});
