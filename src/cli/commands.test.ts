import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { contextDirectories } from "../client/index.ts";
import { main } from "./index.ts";
import { type FakeAnswer, FakeEngine, type FakeRequest, frame } from "./testing/fake-engine.ts";
import { ScriptedIo } from "./testing/scripted-io.ts";

type Script = (request: FakeRequest) => FakeAnswer;

async function run(engine: FakeEngine, line: string | readonly string[], input = "") {
  const io = new ScriptedIo(engine.env, input);
  const code = await main(typeof line === "string" ? line.split(" ") : line, io);
  return { code, stdout: io.stdout, stderr: io.stderr };
}

const notFound = (message: string): FakeAnswer => ({ status: 404, json: { message } });
const ID = "c".repeat(64);

/** An engine on which a run prints and ends. */
function runScript(
  options: { startError?: { status: number; message: string }; code?: number; missing?: boolean } = {},
): Script {
  let missing = options.missing === true;
  let ended: (() => void) | undefined;
  return ({ path }) => {
    if (path === "/images/create") {
      missing = false;
      return {
        lines: [
          { status: "Pulling from library/app", id: "latest" },
          { status: "Status: Downloaded newer image for app:latest" },
        ],
      };
    }
    if (path === "/containers/create")
      return missing
        ? notFound("No such image: app:latest")
        : { status: 201, json: { Id: ID, Warnings: ["mind the gap"] } };
    if (path.endsWith("/attach")) {
      return {
        upgrade: (socket) => {
          let input = "";
          socket.on("data", (chunk) => (input += chunk.toString()));
          ended = () => socket.end(Buffer.concat([frame(1, `out ${input}`), frame(2, "err")]));
          socket.on("end", () => ended?.());
        },
      };
    }
    if (path.endsWith("/wait")) return { lines: [{ StatusCode: options.code ?? 0 }] };
    if (path.endsWith("/start")) {
      if (options.startError !== undefined)
        return { status: options.startError.status, json: { message: options.startError.message } };
      // Without standard input the client does not half-close: the container ends by itself
      setImmediate(() => ended?.());
      return { status: 204 };
    }
    return notFound(`page not found: ${path}`);
  };
}

describe("run", () => {
  test("attaches and waits before it starts, and ends with the container's code", async () => {
    await using engine = await FakeEngine.start(runScript({ code: 7 }));
    const result = await run(engine, "run --rm app true");
    expect(result).toEqual({ code: 7, stdout: "out ", stderr: "WARNING: mind the gap\nerr" });
    expect(engine.asked.slice(0, 1)).toEqual(["POST /containers/create"]);
    expect(engine.asked.slice(1, 3).sort()).toEqual([`POST /containers/${ID}/attach`, `POST /containers/${ID}/wait`]);
    expect(engine.asked.slice(3)).toEqual([`POST /containers/${ID}/start`]);
    expect(engine.requests.find(({ path }) => path.endsWith("/wait"))?.query.get("condition")).toBe("removed");
  });

  test("pulls what is missing, with the progress on standard error", async () => {
    await using engine = await FakeEngine.start(runScript({ missing: true }));
    const result = await run(engine, "run -d app");
    expect(result.code).toBe(0);
    expect(result.stdout).toBe(`${ID}\n`);
    expect(result.stderr).toBe(
      "Unable to find image 'app:latest' locally\nlatest: Pulling from library/app\nStatus: Downloaded newer image for app:latest\nWARNING: mind the gap\n",
    );
    expect(engine.asked).toEqual([
      "POST /containers/create",
      "POST /images/create",
      "POST /containers/create",
      `POST /containers/${ID}/start`,
    ]);
    expect(engine.requests[1]?.query.get("fromImage")).toBe("app");
    expect(engine.requests[1]?.query.get("tag")).toBe("latest");
  });

  test("does not pull when told so", async () => {
    await using engine = await FakeEngine.start(runScript({ missing: true }));
    const result = await run(engine, "run --pull never app");
    expect(result).toEqual({
      code: 125,
      stdout: "",
      stderr:
        "berth: Error response from daemon: No such image: app:latest\n\nRun 'berth run --help' for more information\n",
    });
  });

  const startErrors: [message: string, code: number][] = [
    ['exec: "x": executable file not found in $PATH', 127],
    ['exec: "/etc": is a directory: permission denied', 126],
    ["port is already allocated", 125],
  ];
  for (const [message, code] of startErrors) {
    test(`ends with ${code} when the start fails with: ${message}`, async () => {
      await using engine = await FakeEngine.start(runScript({ startError: { status: 400, message } }));
      const result = await run(engine, "run app x");
      expect(result.code).toBe(code);
      expect(result.stderr).toContain(`berth: Error response from daemon: ${message}\n`);
    });
  }

  test("sends what the flags ask for", async () => {
    await using engine = await FakeEngine.start(runScript());
    const words =
      "run -d --name n -e A=1 -e B -p 127.0.0.1:80:8080/udp -v /data -v /a:/b:ro -m 64m --cpus 1.5 --restart on-failure:3 -l k=v --network net --network-alias x --entrypoint e -u 1 -w /w -h host --init --ulimit nofile=1:2 --tmpfs /t:size=1 --device /dev/null --health-cmd true app a -x";
    expect((await run(engine, words)).code).toBe(0);
    const body = engine.requests[0]?.body;
    expect(engine.requests[0]?.query.get("name")).toBe("n");
    expect(body).toMatchObject({
      Hostname: "host",
      User: "1",
      AttachStdout: false,
      Env: ["A=1", "B"],
      Cmd: ["a", "-x"],
      Image: "app",
      Volumes: { "/data": {} },
      WorkingDir: "/w",
      Entrypoint: ["e"],
      Labels: { k: "v" },
      ExposedPorts: { "8080/udp": {} },
      Healthcheck: { Test: ["CMD-SHELL", "true"] },
      HostConfig: {
        Binds: ["/a:/b:ro"],
        NetworkMode: "net",
        PortBindings: { "8080/udp": [{ HostIp: "127.0.0.1", HostPort: "80" }] },
        RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
        Memory: 64 << 20,
        NanoCpus: 1.5e9,
        Init: true,
        Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }],
        Tmpfs: { "/t": "size=1" },
        Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/null", CgroupPermissions: "rwm" }],
      },
      NetworkingConfig: { EndpointsConfig: { net: { Aliases: ["x"] } } },
    });
  });

  test("hands standard input over and half-closes at its end", async () => {
    let ended = false;
    const script: Script = (request) => {
      if (!request.path.endsWith("/attach"))
        return request.path.endsWith("/start") ? { status: 204 } : runScript()(request);
      return {
        upgrade: (socket) => {
          let input = "";
          socket.on("data", (chunk) => (input += chunk.toString()));
          socket.on("end", () => {
            ended = true;
            socket.end(frame(1, input));
          });
        },
      };
    };
    await using engine = await FakeEngine.start(script);
    expect(await run(engine, "run -i app cat", "typed")).toMatchObject({ code: 0, stdout: "typed" });
    expect(ended).toBe(true);
    expect(engine.requests[0]?.body).toMatchObject({ OpenStdin: true, StdinOnce: true, AttachStdin: true });
  });
});

describe("exec", () => {
  test("ends with the command's code", async () => {
    await using engine = await FakeEngine.start(({ path }) => {
      if (path.endsWith("/exec")) return { status: 201, json: { Id: "e1" } };
      if (path.endsWith("/start")) return { upgrade: (socket) => socket.end(frame(1, "hi\n")) };
      return { json: { ExitCode: 3 } };
    });
    expect(await run(engine, "exec -e A=1 c echo -n hi")).toEqual({ code: 3, stdout: "hi\n", stderr: "" });
    expect(engine.asked).toEqual(["POST /containers/c/exec", "POST /exec/e1/start", "GET /exec/e1/json"]);
    expect(engine.requests[0]?.body).toMatchObject({ Cmd: ["echo", "-n", "hi"], Env: ["A=1"], AttachStdin: false });
  });
});

describe("many objects", () => {
  test("names of what worked in order, then all failures", async () => {
    await using engine = await FakeEngine.start(({ path }) =>
      path.endsWith("/b") ? notFound("No such container: b") : { status: 204 },
    );
    expect(await run(engine, "rm -f -v a b c")).toEqual({
      code: 0,
      stdout: "a\nc\n",
      stderr: "Error response from daemon: No such container: b\n",
    });
    expect(await run(engine, "rm a b c")).toEqual({
      code: 1,
      stdout: "a\nc\n",
      stderr: "Error response from daemon: No such container: b\n",
    });
  });

  test("stop hands its time and signal over", async () => {
    await using engine = await FakeEngine.start(() => ({ status: 204 }));
    expect((await run(engine, "stop -t 0 -s INT a")).stdout).toBe("a\n");
    expect(Object.fromEntries(engine.requests[0]?.query ?? [])).toEqual({ signal: "INT", t: "0" });
  });
});

describe("listings", () => {
  const containers = [
    {
      Id: ID,
      Names: ["/web"],
      Image: "app",
      ImageID: "sha256:1",
      Command: "a command that is much too long",
      Created: 1,
      Ports: [{ PrivatePort: 80, PublicPort: 8080, IP: "0.0.0.0", Type: "tcp" }],
      Labels: { b: "2", a: "1" },
      State: "running",
      Status: "Up 2 minutes",
      Mounts: [],
      NetworkSettings: { Networks: { bridge: {} } },
    },
  ];
  const cases: [line: readonly string[], stdout: string][] = [
    [["ps", "-q"], "cccccccccccc\n"],
    [["ps", "--format", '{{.Names}} {{.Labels}} {{.Label "a"}} {{.Ports}}'], "web a=1,b=2 1 0.0.0.0:8080->80/tcp\n"],
    [["ps", "--format", "table {{.Names}}\t{{.State}}"], "NAMES     STATE\nweb       running\n"],
    [["ps", "--format", "{{.Command}}"], '"a command that is m…"\n'],
    [["ps", "--format", "{{json .Names}}"], '"web"\n'],
  ];
  for (const [line, stdout] of cases) {
    test(line.join(" "), async () => {
      await using engine = await FakeEngine.start(() => ({ json: containers }));
      expect(await run(engine, line)).toEqual({ code: 0, stdout, stderr: "" });
    });
  }

  test("filters, limits and sizes are asked for", async () => {
    await using engine = await FakeEngine.start(() => ({ json: [] }));
    await run(engine, "ps -a -n 3 -s -f status=exited -f label=x -f status=created");
    const query = engine.requests[0]?.query;
    expect([query?.get("all"), query?.get("limit"), query?.get("size")]).toEqual(["1", "3", "1"]);
    expect(JSON.parse(query?.get("filters") ?? "")).toEqual({
      label: { x: true },
      status: { exited: true, created: true },
    });
  });

  test("the config file's format is used, the flag's wins", async () => {
    await using engine = await FakeEngine.start(() => ({ json: containers }));
    await writeFile(join(engine.folder, "config.json"), JSON.stringify({ psFormat: "{{.ID}}" }));
    expect((await run(engine, ["--config", engine.folder, "ps"])).stdout).toBe("cccccccccccc\n");
    expect((await run(engine, ["--config", engine.folder, "ps", "--format", "x"])).stdout).toBe("x\n");
  });

  test("an image stands once for each of its names", async () => {
    const image = {
      Id: "sha256:abc",
      RepoTags: ["a:1", "b:5000/c:2"],
      RepoDigests: [],
      Created: 0,
      Size: 1_983_000,
      SharedSize: -1,
      Containers: -1,
    };
    await using engine = await FakeEngine.start(() => ({ json: [image] }));
    const { stdout } = await run(engine, [
      "images",
      "--format",
      "{{.Repository}}|{{.Tag}}|{{.Size}}|{{.CreatedSince}}",
    ]);
    expect(stdout).toBe("a|1|1.98MB|N/A\nb:5000/c|2|1.98MB|N/A\n");
  });
});

describe("inspect", () => {
  const script: Script = ({ path }) => {
    if (path === "/containers/web/json") return { json: { Name: "/web", Config: { Cmd: ["a"], Labels: {} } } };
    if (path === "/volumes/data") return { json: { Name: "data" } };
    return notFound("nothing");
  };
  test("looks among all kinds of objects", async () => {
    await using engine = await FakeEngine.start(script);
    expect(await run(engine, ["inspect", "-f", "{{.Name}}", "web", "data"])).toEqual({
      code: 0,
      stdout: "/web\ndata\n",
      stderr: "",
    });
  });
  test("prints what it found also when something is missing", async () => {
    await using engine = await FakeEngine.start(script);
    const result = await run(engine, "inspect data x");
    expect(result).toEqual({
      code: 1,
      stdout: '[\n    {\n        "Name": "data"\n    }\n]\n',
      stderr: "Error: No such object: x\n",
    });
  });
  test("bad templates", async () => {
    await using engine = await FakeEngine.start(script);
    expect(await run(engine, ["inspect", "-f", "{{.x", "web"])).toEqual({
      code: 64,
      stdout: "",
      stderr: "template parsing error: template: :1: unclosed action\n",
    });
    expect(await run(engine, ["inspect", "-f", "{{.Foo}}", "web"])).toEqual({
      code: 1,
      stdout: "\n",
      stderr: 'template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"\n',
    });
  });
});

test("the begun line of a log that breaks off is shown", async () => {
  await using engine = await FakeEngine.start(() => ({ json: {} }));
  const socket = join(engine.folder, "broken.sock");
  const type = "application/vnd.docker.raw-stream";
  const server = createServer((client) => {
    client.on("error", () => undefined);
    client.once("data", () =>
      client.end(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`),
    );
  }).listen(socket);
  await once(server, "listening");
  const io = new ScriptedIo({});
  expect(await main(["-H", `unix://${socket}`, "logs", "--grep", "a", "web"], io)).toBe(1);
  expect(io.stdout).toBe("half\n");
  expect(io.stderr).not.toBe("");
  server.close();
});

describe("the way to the engine", () => {
  test("contexts lead to it, and are made, used, shown and removed", async () => {
    await using engine = await FakeEngine.start(() => ({ json: [] }));
    const config = ["--config", join(engine.folder, "config")];
    const quiet = async (line: string) => {
      const io = new ScriptedIo({ HOME: engine.folder });
      const code = await main([...config, ...line.split(" ")], io);
      return { code, stdout: io.stdout, stderr: io.stderr };
    };
    expect(
      await quiet(`context create far --description text --docker host=unix://${engine.folder}/engine.sock`),
    ).toEqual({
      code: 0,
      stdout: "far\n",
      stderr: 'Successfully created context "far"\n',
    });
    expect((await quiet("context create far")).stderr).toBe('context "far" already exists\n');
    expect((await quiet("--context far ps -q")).code).toBe(0);
    expect((await quiet("context use far")).stderr).toBe('Current context is now "far"\n');
    expect((await quiet("context show")).stdout).toBe("far\n");
    expect((await quiet("ps -q")).code).toBe(0);
    expect((await quiet("context rm far")).stderr).toBe('context "far" is in use, set -f flag to force remove\n');
    expect((await quiet("context rm -f far")).code).toBe(0);
    expect((await quiet("context show")).stdout).toBe("default\n");
    expect(engine.requests).toHaveLength(2);
    for (const value of ["", "maybe", "constructor"]) {
      const { stderr } = await quiet(`context create x1 --docker host=tcp://h:1,skip-tls-verify=${value}`);
      expect(stderr).toBe(
        `unable to create docker endpoint config: skip-tls-verify: parsing "${value}": invalid syntax\n`,
      );
    }
    // One that was damaged is not written over
    const { meta } = await contextDirectories(config[1] ?? "", "damaged");
    await mkdir(meta, { recursive: true });
    await writeFile(join(meta, "meta.json"), "{");
    expect((await quiet("context create damaged")).stderr).toBe('context "damaged" already exists\n');
    expect((await quiet("context import damaged /nonexistent")).stderr).toBe('context "damaged" already exists\n');
  });

  test("an engine that is not there", async () => {
    await using engine = await FakeEngine.start(() => ({ json: [] }));
    expect(await run(engine, `-H unix://${engine.folder}/none ps`)).toEqual({
      code: 1,
      stdout: "",
      stderr: `Cannot connect to the Docker daemon at unix://${engine.folder}/none. Is the docker daemon running?\n`,
    });
  });
});

test("system df -v shows what containers have written, without what their images take", async () => {
  await using engine = await FakeEngine.start(() => ({
    json: { Containers: [{ Id: "a".repeat(64), Names: ["/web"], SizeRw: 2000, SizeRootFs: 5_000_000 }] },
  }));
  const { stdout } = await run(engine, ["system", "df", "-v", "--format", "{{range .Containers}}{{.Size}}{{end}}"]);
  expect(stdout).toBe("2kB");
});

test("login stores what the engine accepted, for its owner only", async () => {
  await using engine = await FakeEngine.start(() => ({ json: { Status: "Login Succeeded" } }));
  const config = join(engine.folder, "config");
  const result = await run(
    engine,
    ["--config", config, "login", "-u", "ada", "--password-stdin", "127.0.0.1:5000"],
    "secret\n",
  );
  expect(result.code).toBe(0);
  expect(result.stdout).toBe("Login Succeeded\n");
  expect(engine.requests[0]?.body).toEqual({ username: "ada", password: "secret", serveraddress: "127.0.0.1:5000" });
  const stored: unknown = JSON.parse(await readFile(join(config, "config.json"), "utf8"));
  expect(stored).toEqual({ auths: { "127.0.0.1:5000": { auth: Buffer.from("ada:secret").toString("base64") } } });
  await run(engine, ["--config", config, "pull", "127.0.0.1:5000/app"]);
  const auth = /^X-Registry-Auth: (.*)$/im.exec(engine.requests[1]?.headers ?? "")?.[1] ?? "";
  expect(JSON.parse(Buffer.from(auth, "base64url").toString())).toMatchObject({ username: "ada", password: "secret" });
  await run(engine, ["--config", config, "logout", "127.0.0.1:5000"]);
  expect(JSON.parse(await readFile(join(config, "config.json"), "utf8"))).toEqual({ auths: {} });
});

test("a terminal is asked for in vain", async () => {
  await using engine = await FakeEngine.start(() => ({ json: {} }));
  expect(await run(engine, "run -it app")).toEqual({ code: 1, stdout: "", stderr: "the input device is not a TTY\n" });
});

describe("completion", () => {
  test("offers commands, flags and names", async () => {
    await using engine = await FakeEngine.start(() => ({ json: [{ Names: ["/web"] }, { Names: ["/worker"] }] }));
    const suggest = async (words: readonly string[]) =>
      (await run(engine, ["completion", ...words.map((word) => `--words=${word}`)])).stdout;
    expect(await suggest(["vol"])).toBe("volume\n");
    expect(await suggest(["container", "pr"])).toBe("prune\n");
    expect(await suggest(["ps", "--no"])).toBe("--no-trunc\n");
    expect(await suggest(["stop", "w"])).toBe("web\nworker\n");
  });
  for (const shell of ["bash", "zsh", "fish"]) {
    test(`has a script for ${shell}`, async () => {
      await using engine = await FakeEngine.start(() => ({ json: [] }));
      expect((await run(engine, `completion ${shell}`)).stdout).toContain("berth completion");
    });
  }
});

describe("help", () => {
  test("of a command", async () => {
    const io = new ScriptedIo({});
    expect(await main(["stop", "--help"], io)).toBe(0);
    expect(io.stdout).toBe(`Usage:  berth stop [OPTIONS] CONTAINER [CONTAINER...]

Stop running containers

Aliases:
  berth container stop, berth stop

Options:
  -s, --signal string   Signal that asks the container to end
  -t, --timeout int     Seconds to wait before it is killed (-1: for ever)
`);
  });

  test("wraps long texts beside the flags", async () => {
    const io = new ScriptedIo({});
    await main(["network", "connect", "--help"], io);
    expect(Math.max(...io.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("of groups goes to standard error unless asked for", async () => {
    const asked = new ScriptedIo({});
    const bare = new ScriptedIo({});
    expect([await main(["volume", "--help"], asked), await main(["volume"], bare)]).toEqual([0, 0]);
    expect(bare.stderr).toBe(asked.stdout);
    expect(asked.stdout).toStartWith(
      "Usage:  berth volume COMMAND\n\nWork with volumes\n\nCommands:\n  create      Make a volume\n",
    );
  });
});
