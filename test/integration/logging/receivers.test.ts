import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dockerOutput, startEngine, type TestEngine } from "../../support/engine.ts";
import { httpReceiver, tcpReceiver, udpReceiver } from "../../support/receivers.ts";
import { eventually } from "../../support/wait.ts";

let engine: TestEngine;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const RUN = ["run", "-d", "--network", "none"];

/** Starts a container that logs this, and gives its id. */
async function logged(driver: string, options: Record<string, string>, script: string, more: string[] = []) {
  const opts = Object.entries(options).flatMap(([name, value]) => ["--log-opt", `${name}=${value}`]);
  const args = [...RUN, "--log-driver", driver, ...opts, ...more, "busybox:local", "sh", "-c", script];
  return (await dockerOutput(engine, args)).trim();
}

const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, index) => `line ${from + index}`);
const count = (from: number, to: number) => `i=${from}; while [ $i -le ${to} ]; do echo "line $i"; i=$((i+1)); done`;
const linesIn = (text: string): string[] => [...text.matchAll(/line \d+/g)].map(([line]) => line);

describe("each driver delivers, and docker logs works with it", () => {
  const cases: Array<{
    driver: string;
    open: () => Promise<{ port: number; text(): string } & AsyncDisposable>;
    options: (port: number) => Record<string, string>;
    expects: RegExp;
  }> = [
    {
      driver: "syslog",
      open: tcpReceiver,
      options: (port) => ({
        "syslog-address": `tcp://127.0.0.1:${port}`,
        "syslog-format": "rfc5424",
        tag: "{{.Name}}",
      }),
      expects: /^<30>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ receivers-syslog \d+ receivers-syslog - line 1$/m,
    },
    {
      driver: "gelf",
      open: udpReceiver,
      options: (port) => ({ "gelf-address": `udp://127.0.0.1:${port}`, "gelf-compression-type": "none" }),
      expects: /"short_message":"line 1","timestamp":\d+\.?\d*,"level":6,.*"_container_name":"receivers-gelf"/,
    },
    {
      driver: "fluentd",
      open: tcpReceiver,
      options: (port) => ({ "fluentd-address": `127.0.0.1:${port}`, tag: "app.{{.Name}}", labels: "tier" }),
      expects: /app\.receivers-fluentd.*container_name.*\/receivers-fluentd.*tier.*front.*stdout.*line 1/s,
    },
    {
      driver: "otlp",
      open: httpReceiver,
      options: (port) => ({ "otlp-endpoint": `http://127.0.0.1:${port}`, "otlp-headers": "x-key=secret" }),
      expects: /"key":"container.name","value":\{"stringValue":"receivers-otlp"\}.*"stringValue":"line 1"/,
    },
  ];
  for (const { driver, open, options, expects } of cases) {
    test(driver, async () => {
      await using receiver = await open();
      const name = `receivers-${driver}`;
      const id = await logged(driver, options(receiver.port), `${count(1, 5)}; echo problem >&2`, [
        "--name",
        name,
        "--label",
        "tier=front",
      ]);
      // The two streams have no common order.
      await eventually("the last lines", () => ["line 5", "problem"].every((last) => receiver.text().includes(last)));
      expect(receiver.text()).toMatch(expects);
      expect(linesIn(receiver.text())).toEqual(numbers(5));
      await dockerOutput(engine, ["wait", id]);
      const read = await engine.docker(["logs", id]);
      expect([read.stdout, read.stderr]).toEqual([`${numbers(5).join("\n")}\n`, "problem\n"]);
      await dockerOutput(engine, ["rm", id]);
    });
  }
});

describe("nothing is lost", () => {
  test("while the receiver is away, over kill -9 of the daemon, and after the container's end", async () => {
    const port = await freePort();
    const id = await logged("syslog", { "syslog-address": `tcp://127.0.0.1:${port}` }, count(1, 3000));
    await dockerOutput(engine, ["wait", id]);
    await engine.kill9();
    await engine.start();
    await eventually("the failure in the daemon's log", async () =>
      (await engine.log()).includes("log entries cannot be delivered"),
    );
    await using receiver = await tcpReceiver(port);
    await eventually("the last line", () => receiver.text().includes("line 3000\n"));
    expect([...new Set(linesIn(receiver.text()))]).toEqual(numbers(3000));
    await dockerOutput(engine, ["rm", id]);
  });

  test("in blocking mode a container waits rather than that its log is rotated away", async () => {
    const port = await freePort();
    const options = {
      "syslog-address": `tcp://127.0.0.1:${port}`,
      "cache-max-size": "20k",
      "cache-max-file": "3",
    };
    const id = await logged("syslog", options, count(1, 20_000));
    const folder = join(engine.dataRoot, "containers", id);
    await eventually("the log is full", async () => {
      const file = await readFile(join(folder, "container-cached.log.2"), "utf8").catch(() => "");
      return file !== "" && (await engine.log()).includes(id);
    });
    await using receiver = await tcpReceiver(port);
    await dockerOutput(engine, ["wait", id]);
    await eventually("the last line", () => receiver.text().includes("line 20000\n"));
    expect([...new Set(linesIn(receiver.text()))]).toEqual(numbers(20_000));
    await dockerOutput(engine, ["rm", id]);
  });

  test("in non-blocking mode what is too much is dropped and counted", async () => {
    const port = await freePort();
    const options = {
      "syslog-address": `tcp://127.0.0.1:${port}`,
      mode: "non-blocking",
      "max-buffer-size": "10k",
    };
    const id = await logged("syslog", options, count(1, 20_000));
    expect((await dockerOutput(engine, ["wait", id])).trim()).toBe("0");
    await eventually("the count in the daemon's log", async () => /dropped=\d+ total=\d+/.test(await engine.log()));
    const read = await dockerOutput(engine, ["logs", id]);
    expect(linesIn(read)).toEqual(numbers(20_000));
    await dockerOutput(engine, ["rm", "-f", id]);
  });
});

test("what a removed container leaves undelivered is counted, also by the daemon after one that was killed", async () => {
  const port = await freePort();
  const id = await logged("syslog", { "syslog-address": `tcp://127.0.0.1:${port}` }, count(1, 30));
  await dockerOutput(engine, ["wait", id]);
  await dockerOutput(engine, ["rm", id]);
  await engine.kill9();
  await engine.start();
  const line = new RegExp(`log entries of a removed container are lost.*container=${id} lost=30$`, "m");
  await eventually("the count in the daemon's log", async () => line.test(await engine.log()));
  await eventually("its folder is gone", () => !existsSync(join(engine.dataRoot, "containers", id)));
});

test("what nobody has delivered of a removed container is delivered by the next daemon", async () => {
  const ends: ReadonlyArray<() => Promise<void>> = [() => engine.kill9(), () => engine.stop()];
  for (const end of ends) {
    const port = await freePort();
    const folder = await mkdtemp(join(engine.folder, "go-"));
    const to = { "syslog-address": `tcp://127.0.0.1:${port}` };
    const removed = await logged("syslog", to, count(1, 30));
    await dockerOutput(engine, ["wait", removed]);
    // Writes, ends and goes while no daemon is there.
    const script = `until [ -e /go/now ]; do sleep 0.05; done; ${count(31, 60)}`;
    const going = await logged("syslog", to, script, ["--rm", "-v", `${folder}:/go`]);
    const pid = Number(await dockerOutput(engine, ["inspect", "-f", "{{.State.Pid}}", going]));
    await dockerOutput(engine, ["rm", removed]);
    await end();
    await writeFile(join(folder, "now"), "");
    await eventually("its end", () => !existsSync(`/proc/${pid}`));
    await using receiver = await tcpReceiver(port);
    await engine.start();
    const lines = () => new Set(linesIn(receiver.text()));
    await eventually("all lines", () => lines().size === 60).catch(() =>
      expect([...lines()].sort()).toEqual(numbers(60).sort()),
    );
    for (const id of [removed, going]) {
      await eventually("its folder is gone", () => !existsSync(join(engine.dataRoot, "containers", id)));
      expect(await engine.log()).not.toMatch(new RegExp(`are lost.*${id}`));
    }
  }
});

const RSYSLOG = "/usr/sbin/rsyslogd";

describe("rsyslog", () => {
  const reason = existsSync(RSYSLOG) ? undefined : `${RSYSLOG} is not installed`;
  if (reason !== undefined) console.log(`skipped: ${reason}`);
  test.skipIf(reason !== undefined)("takes both formats", async () => {
    const port = await freePort();
    const output = join(engine.folder, "rsyslog.out");
    const config = join(engine.folder, "rsyslog.conf");
    await writeFile(
      config,
      `module(load="imtcp")
input(type="imtcp" port="${port}" address="127.0.0.1")
template(name="t" type="string" string="%syslogfacility-text%.%syslogseverity-text% %programname%|%msg%\\n")
action(type="omfile" file="${output}" template="t" asyncWriting="off" flushOnTXEnd="on")
`,
    );
    const child = spawn(RSYSLOG, ["-n", "-f", config, "-i", join(engine.folder, "rsyslog.pid")], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    try {
      for (const format of ["rfc3164", "rfc5424"]) {
        const options = {
          "syslog-address": `tcp://127.0.0.1:${port}`,
          "syslog-format": format,
          "syslog-facility": "local3",
          tag: format,
        };
        const id = await logged("syslog", options, "echo all is well; echo it burns >&2");
        await eventually(`both lines as ${format}`, async () => {
          const text = await readFile(output, "utf8").catch(() => "");
          return (
            new RegExp(`local3.info ${format}\\| ?all is well\n`).test(text) &&
            new RegExp(`local3.err ${format}\\| ?it burns\n`).test(text)
          );
        });
        await dockerOutput(engine, ["rm", "-f", id]);
      }
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  });
});

/** A port that nothing listens on any more. */
async function freePort(): Promise<number> {
  await using receiver = await tcpReceiver();
  return receiver.port;
}
