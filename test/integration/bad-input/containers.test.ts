import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { request } from "node:http";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { settledInventory } from "../../support/recordings.ts";
import { tar } from "../../support/tar.ts";
import { eventually } from "../../support/wait.ts";

/** Containers that cannot be made or started: Docker's texts and codes, nothing left behind. */
let engine: TestEngine;
let before: string[];
beforeAll(async () => {
  engine = await startEngine();
  before = await inventory(engine);
});
afterAll(async () => {
  const after = await settledInventory(engine, before);
  await engine[Symbol.asyncDispose]();
  expect(after).toEqual(before);
});

const INIT =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

describe("run", () => {
  const cases: Array<[what: string, args: string[], code: number, text: string]> = [
    [
      "of a command that is not there",
      ["busybox:local", "/nope"],
      127,
      'exec: "/nope": stat /nope: no such file or directory',
    ],
    [
      "of a command that is not in the path",
      ["busybox:local", "nope"],
      127,
      'exec: "nope": executable file not found in $PATH',
    ],
    ["of a file that is no program", ["busybox:local", "/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'],
    ["of a folder", ["busybox:local", "/etc"], 126, 'exec: "/etc": is a directory'],
    [
      "as a user that is not there",
      ["--user", "nobody", "busybox:local", "true"],
      125,
      "unable to find user nobody: no matching entries in passwd file",
    ],
    [
      "as a group that is not there",
      ["--user", "0:nogroup", "busybox:local", "true"],
      125,
      "unable to find group nogroup: no matching entries in group file",
    ],
    ["with too little memory", ["--memory", "4m", "busybox:local", "true"], 125, "Minimum memory limit allowed is 6MB"],
    [
      "with a limit beyond the engine's own",
      ["--ulimit", "nofile=99999999", "busybox:local", "true"],
      125,
      "error setting rlimit type 7: operation not permitted",
    ],
    [
      "with a device that is not there",
      ["--device", "/dev/nope", "busybox:local", "true"],
      127, // as Docker's command: it goes by the text
      'error gathering device information while adding custom device "/dev/nope": no such file or directory',
    ],
    [
      "with a folder that has no devices",
      ["--device", "/etc", "busybox:local", "true"],
      125,
      'error gathering device information while adding custom device "/etc": not a device node',
    ],
    ["in a network that is not there", ["--network", "nope", "busybox:local", "true"], 125, "network nope not found"],
    [
      "with a runtime that is not there",
      ["--runtime", "nope", "busybox:local", "true"],
      125,
      "unknown or invalid runtime name: nope",
    ],
    [
      "with a mount whose source is not there",
      ["--mount", "type=bind,src=/nope/nope,dst=/x", "busybox:local", "true"],
      125,
      "bind source path does not exist: /nope/nope",
    ],
    ["on a file as working directory", ["-w", "/etc/passwd", "busybox:local", "true"], 125, "/etc/passwd"],
  ];
  test.each(cases)("%s", async (_what, args, code, text) => {
    const result = await engine.berth(["run", "--rm", ...args]);
    expect(result.stderr).toContain(text);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
  });

  test("a failure of the start is in inspect, and the container can be removed", async () => {
    await engine.berth(["create", "--name", "fails", "busybox:local", "/nope"]);
    const start = await engine.api("POST", "/containers/fails/start");
    expect(start.status).toBe(400);
    const { json } = await engine.api("GET", "/containers/fails/json");
    const { State } = json as { State: { ExitCode: number; Error: string; Status: string } }; // inspect's shape
    expect(State).toMatchObject({ ExitCode: 127, Status: "created" });
    expect(State.Error).toContain(`${INIT}error during container init: exec: "/nope"`);
    expect((await engine.berth(["rm", "fails"])).code).toBe(0);
  });
});

const IMPOSSIBLE: Array<[option: string, value: string]> = [
  ["--user", "nobody"],
  ["--ulimit", "nofile=99999999"],
  ["-v", "/etc:/proc"],
];
test.each(IMPOSSIBLE)("a start that %s %s makes impossible leaves the exit code 128", async (option, value) => {
  await engine.berth(["create", "--name", "impossible", option, value, "busybox:local", "true"]);
  expect((await engine.berth(["start", "impossible"])).code).toBe(1);
  const { json } = await engine.api("GET", "/containers/impossible/json");
  expect(json).toMatchObject({ State: { ExitCode: 128, Status: "created" } });
  await engine.berth(["rm", "impossible"]);
});

describe("names and images", () => {
  test("a name in use", async () => {
    const first = (await engine.berth(["create", "--name", "taken", "busybox:local"])).stdout.trim();
    const second = await engine.berth(["create", "--name", "taken", "busybox:local"]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(
      `Conflict. The container name "/taken" is already in use by container "${first}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
    await engine.berth(["rm", "taken"]);
  });

  test("an image that is not there", async () => {
    expect(await engine.api("POST", "/containers/create", { Image: "nope" })).toMatchObject({
      status: 404,
      json: { message: "No such image: nope:latest" },
    });
    expect(await engine.api("GET", "/images/nope/json")).toMatchObject({
      status: 404,
      json: { message: "No such image: nope:latest" },
    });
    expect(await engine.api("DELETE", "/images/nope")).toMatchObject({
      status: 404,
      json: { message: "No such image: nope:latest" },
    });
  });

  test("a container that is not there", async () => {
    for (const [method, path] of [
      ["GET", "json"],
      ["POST", "start"],
      ["POST", "stop"],
      ["POST", "kill"],
      ["POST", "wait"],
      ["GET", "logs?stdout=1"],
      ["GET", "archive?path=/"],
      ["POST", "exec"],
      ["POST", "pause"],
      ["GET", "top"],
      ["GET", "changes"],
      ["GET", "export"],
    ] as const) {
      const body = path === "exec" ? { Cmd: ["true"] } : undefined;
      const { status, text } = await engine.api(method, `/containers/nope/${path}`, body);
      expect(status).toBe(404);
      expect(text).toContain("No such container: nope");
    }
  });
});

describe("exec", () => {
  test("of what is not there, and as who is not there", async () => {
    const id = (await engine.berth(["run", "-d", "busybox:local", "sleep", "1000"])).stdout.trim();
    expect((await engine.berth(["exec", id, "/nope"])).code).toBe(127);
    expect((await engine.berth(["exec", id, "/etc/passwd"])).code).toBe(126);
    expect((await engine.berth(["exec", "-u", "nobody", id, "true"])).stderr).toContain(
      "unable to find user nobody: no matching entries in passwd file",
    );
    expect((await engine.berth(["exec", "-w", "/nope", id, "true"])).code).toBeGreaterThan(0);
    expect(await engine.api("POST", `/containers/${id}/exec`, { Cmd: ["true"], User: "nobody" })).toMatchObject({
      status: 400,
      json: { message: "unable to find user nobody: no matching entries in passwd file" },
    });
    await engine.berth(["rm", "-f", id]);
  });
});

test("files that never come to an end do not keep a container from being removed by force", async () => {
  const { json } = await engine.api("POST", "/containers/create", { Image: "busybox:local", Cmd: ["true"] });
  const { Id } = json as { Id: string }; // the API's shape
  const put = request({ socketPath: engine.socket, method: "PUT", path: `/containers/${Id}/archive?path=/` });
  const answer = new Promise<number | string | undefined>((resolve) => {
    put.once("response", (response) => resolve(response.resume().statusCode));
    put.once("error", (error) => resolve(error.message));
  });
  // An archive without its end.
  put.write(tar([{ name: "marker", data: "x" }]).subarray(0, -1024));
  await eventually("the first file", async () => {
    return (await engine.api("HEAD", `/containers/${Id}/archive?path=/marker`)).status === 200;
  });
  expect((await engine.api("DELETE", `/containers/${Id}?force=1`)).status).toBe(204);
  // The conflict, or the end of a connection that was read from elsewhere just then.
  expect(await answer).not.toBe(200);
  put.destroy();
});
