/** What berth's own command can do and Docker's cannot. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { tar } from "../../support/tar.ts";
import { TerminalSession } from "../../support/terminal.ts";

let engine: TestEngine;
beforeAll(async () => {
  // Many subnets, of which other engines on this machine take none
  engine = await startEngine({ flags: ["--default-address-pool=base=198.18.0.0/15,size=26"] });
});
afterAll(() => engine[Symbol.asyncDispose]());
beforeEach(() => engine.removeContainers());

/** Runs a command line that must succeed without a word on standard error; gives standard output. */
async function berth(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await engine.berth(args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
  return stdout;
}

/** All that the engine has, to see that nothing has changed. */
async function everything(): Promise<unknown> {
  const [containers, ...others] = await Promise.all(
    ["/containers/json?all=1", "/volumes", "/networks", "/images/json"].map((path) => engine.api("GET", path)),
  );
  const rows = containers?.json as { Id: string; State: string }[]; // the list's shape
  return [rows.map(({ Id, State }) => ({ Id, State })), ...others.map(({ json }) => json)];
}

describe("logs of several containers", () => {
  beforeEach(async () => {
    for (const [name, words] of [
      ["one", "red blue"],
      ["three", "green"],
    ])
      await berth("run", "--name", name ?? "", "busybox:local", "sh", "-c", `for w in ${words}; do echo $w; done`);
  });

  test("stand one after the other, each line behind its name", async () => {
    expect(await berth("logs", "one", "three")).toBe("one   | red\none   | blue\nthree | green\n");
  });

  test("are followed at once until all have ended", async () => {
    await berth("run", "-d", "-i", "--name", "two", "busybox:local", "sh", "-c", "read line; echo $line >&2");
    const following = engine.berth(["logs", "-f", "two", "three", "one"]);
    await engine.berth(["attach", "two"], { input: "yellow\n" });
    const { code, stdout, stderr } = await following;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "two   | yellow\n" });
    expect(stdout.split("\n").sort()).toEqual(["", "one   | blue", "one   | red", "three | green"]);
  });

  test("are searched, and those of one container too", async () => {
    expect(await berth("logs", "--grep", "^.?re", "one", "three")).toBe("one   | red\nthree | green\n");
    expect(await berth("logs", "--grep", "blue", "one")).toBe("blue\n");
    expect(await engine.berth(["logs", "--grep", "(", "one"])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^invalid --grep pattern "\(": /),
    });
  });

  test("that are not there keep nobody from the others", async () => {
    expect(await engine.berth(["logs", "one", "nosuch", "three"])).toEqual({
      code: 1,
      stdout: "one    | red\none    | blue\nthree  | green\n",
      stderr: "Error response from daemon: No such container: nosuch\n",
    });
  });

  test.each([
    [{}, "\u001b[36mone   | \u001b[0mred\r\n"],
    [{ NO_COLOR: "1" }, "one   | red\r\n"],
  ])("are coloured on a terminal unless that is not wanted (%o)", async (env, line) => {
    const settings = { ...engine.clientEnv(), NO_COLOR: "", ...env };
    await using session = TerminalSession.start([BERTH, "logs", "one", "three"], settings);
    expect(await session.ended()).toBe(0);
    expect(session.text).toContain(line);
  });
});

describe("a dry run", () => {
  test("of run says what would be done, and does nothing", async () => {
    const before = await everything();
    const text = await berth("run", "--dry-run", "--rm", "--name", "web", "-v", "data:/data", "busybox:local", "true");
    expect(text).toStartWith("Would:\n  create volume data\n  create container web from busybox:local (");
    expect(text).toContain('"Cmd": [');
    expect(text).toEndWith("\n  remove it when it has ended\n");
    expect(await everything()).toEqual(before);
  });

  test("of run says what would be refused", async () => {
    await berth("create", "--name", "taken", "busybox:local");
    const { code, stdout, stderr } = await engine.berth(["run", "--dry-run", "--name", "taken", "busybox:local"]);
    const really = await engine.berth(["run", "--name", "taken", "busybox:local"]);
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    const [line = ""] = really.stderr.split("\n");
    expect(`berth: ${stderr.split("\n")[0]?.replace("Would fail: ", "")}`).toBe(line);
  });

  test("of rm says what would be done, and does nothing", async () => {
    const named = "f".repeat(64);
    const volumes = ["-v", "/x", "-v", "/shared", "-v", `${named}:/named`];
    await berth("run", "-d", "--name", "running", ...volumes, "busybox:local", "sleep", "1000");
    const find = '{{range .Mounts}}{{if eq .Destination "/shared"}}{{.Name}}{{end}}{{end}}';
    const shared = (await berth("inspect", "-f", find, "running")).trim();
    await berth("create", "--name", "made", "-v", `${shared}:/y`, "busybox:local");
    const before = await everything();
    expect(await berth("rm", "--dry-run", "made")).toMatch(/^Would remove container made \([0-9a-f]{12}\)\n$/);
    expect(await berth("rm", "--dry-run", "-f", "-v", "running")).toMatch(
      /^Would kill and remove container running \([0-9a-f]{12}\)\nWould remove volume [0-9a-f]{64}\n$/,
    );
    const { code, stderr } = await engine.berth(["rm", "--dry-run", "running"]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("Would fail: ") });
    expect((await engine.berth(["rm", "--dry-run", "nosuch"])).code).toBe(1);
    expect(await everything()).toEqual(before);
    await berth("rm", "-f", "-v", "running");
    expect((await berth("volume", "ls", "-q")).split("\n")).toEqual(expect.arrayContaining([named, shared]));
    await berth("rm", "made");
    await berth("volume", "rm", named, shared);
  });

  test("of prunes says what they then do", async () => {
    await berth("run", "--name", "done", "-v", "/x", "busybox:local", "sh", "-c", "echo x >/file");
    await berth("run", "-d", "--name", "busy", "-v", "kept:/x", "busybox:local", "sleep", "1000");
    for (const name of ["spare", "other"]) await berth("volume", "create", name);
    await berth("network", "create", "idle");
    const before = await everything();
    const plan = await berth("system", "prune", "--dry-run", "-a", "--volumes");
    expect(plan).toMatch(/^Would remove containers:\n {2}[0-9a-f]{12} done \(Exited/);
    expect(plan).toMatch(/\nWould remove networks:\n {2}idle\n\nWould remove volumes:\n {2}[0-9a-f]{64}\n/);
    expect(plan).not.toContain("Would remove images");
    const volumes = await berth("volume", "prune", "--dry-run", "-a");
    expect(volumes.split("\n").slice(0, 3).sort()).toEqual(["  other", "  spare", "Would remove volumes:"]);
    expect(await berth("image", "prune", "--dry-run")).toBe("Nothing would be removed.\n");
    expect(await berth("builder", "prune", "--dry-run")).toBe("Nothing would be removed.\n");
    expect(await berth("network", "prune", "--dry-run", "--filter", "label=x")).toBe("Nothing would be removed.\n");
    const refused = await engine.berth(["container", "prune", "--dry-run", "--filter", "foo=bar"]);
    expect(refused).toEqual({ code: 1, stdout: "", stderr: "invalid filter 'foo'\n" });
    expect(await everything()).toEqual(before);
    const done = await berth("system", "prune", "-f", "-a", "--volumes");
    const ids = plan.match(/\b[0-9a-f]{64}\b/g) ?? [];
    expect(ids).toHaveLength(1);
    for (const part of [...ids, "Deleted Networks:\nidle\n"]) expect(done).toContain(part);
    await berth("rm", "-f", "busy");
    await berth("volume", "rm", "kept", "spare", "other");
  });
});

test("the removal of a running container is refused with what to do", async () => {
  await berth("run", "-d", "--name", "up", "busybox:local", "sleep", "1000");
  const { code, stdout, stderr } = await engine.berth(["rm", "up"]);
  expect({ code, stdout, lines: stderr.split("\n") }).toEqual({
    code: 1,
    stdout: "",
    lines: [
      expect.stringMatching(
        /^Error response from daemon: cannot remove container ".*up": container is running: stop the container before removing or force remove$/,
      ),
      "Hint: end it in its own time with `berth stop up`, then remove it; or kill and remove it at once with `berth rm -f up`",
      "",
    ],
  });
});

describe("the build cache", () => {
  test.each(["berth", "docker"] as const)("is empty, and pruned by %s", async (program) => {
    const [{ code, stdout }, asked] = await Promise.all([
      engine[program](["builder", "prune", "-f"]),
      engine[program](["builder", "prune", "-a"], { input: "n\n" }),
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Total reclaimed space: 0B\n" });
    // Older commands of docker tell the sum also when the answer was no
    expect(asked.stdout).toStartWith(
      "WARNING! This will remove all build cache. Are you sure you want to continue? [y/N] ",
    );
  });
});

describe("a container without tools", () => {
  /** One static program that waits, and a file. */
  const files = tar([
    { name: "busybox", mode: 0o755, data: readFileSync("/bin/busybox") },
    { name: "marker", data: "of the other\n" },
  ]);
  beforeEach(async () => {
    await engine.berth(["import", "--change", 'CMD ["/busybox", "sleep", "1000"]', "-", "bare:1"], { input: files });
    await berth("run", "-d", "--name", "bare", "-h", "bare-host", "--user", "1234", "bare:1");
    expect((await engine.berth(["exec", "bare", "sh"])).code).toBe(127);
  });
  afterEach(() => engine.berth(["rmi", "-f", "bare:1"]));

  test("is looked into with the tools of another", async () => {
    const script = "cat /proc/1/root/marker; hostname; readlink /proc/self/ns/net; readlink /proc/1/ns/net; exit 7";
    const { code, stdout, stderr } = await engine.berth(["debug", "bare", "sh", "-c", script]);
    const [marker, host, own, other] = stdout.split("\n");
    expect({ code, marker, host, stderr }).toEqual({ code: 7, marker: "of the other", host: "bare-host", stderr: "" });
    expect(own).toBe(other ?? "");
    expect(await berth("ps", "-aq")).toHaveLength(13); // the other one, and nothing beside it
  });

  test("is looked into by a shell that reads what it is given", async () => {
    const { code, stdout } = await engine.berth(["debug", "--image", "busybox:local", "bare"], {
      input: "ps; exit 3\n",
    });
    expect({ code, stdout }).toEqual({ code: 3, stdout: expect.stringMatching(/\n +1 1234 .*sleep 1000\n/) });
  });

  test("is looked into on a terminal", async () => {
    await using session = TerminalSession.start([BERTH, "debug", "bare"], engine.clientEnv());
    await session.shows("The files of bare are below /proc/1/root");
    await session.shows("/ # ");
    session.type("cat /proc/1/root/marker; exit\r");
    expect(await session.ended()).toBe(0);
    expect(session.text).toContain("of the other\r\n");
  });

  test("is not entered when it does not run, nor without an image", async () => {
    const unknown = await engine.berth(["debug", "nosuch"]);
    expect(unknown).toMatchObject({ code: 1, stderr: "Error response from daemon: No such container: nosuch\n" });
    await berth("kill", "bare");
    await berth("wait", "bare");
    const stopped = await engine.berth(["debug", "bare"]);
    expect(stopped).toMatchObject({ code: 1, stderr: expect.stringContaining("start it with `berth start bare`") });
  });
});

describe("completion", () => {
  const suggest = async (...words: string[]) =>
    (await berth("completion", ...words.map((word) => `--words=${word}`))).split("\n").filter((line) => line !== "");

  test("offers names and ids of what the engine has", async () => {
    const id = (await berth("run", "-d", "--name", "pump", "busybox:local", "sleep", "1000")).trim();
    await berth("create", "--name", "port", "busybox:local");
    await berth("network", "create", "pier");
    await berth("volume", "create", "pile");
    expect(await suggest("rm", "p")).toEqual(["port", "pump"]);
    expect(await suggest("stop", "p")).toEqual(["pump"]);
    expect(await suggest("rm", id.slice(0, 6))).toEqual([id.slice(0, 12)]);
    expect(await suggest("run", "busy")).toEqual(["busybox:local"]);
    const image = (await berth("images", "-q", "--no-trunc")).trim();
    expect(await suggest("rmi", image.slice(7, 12))).toEqual([image.slice(7, 19)]);
    expect(await suggest("network", "rm", "p")).toEqual(["pier"]);
    expect(await suggest("volume", "rm", "p")).toEqual(["pile"]);
    await berth("network", "rm", "pier");
    await berth("volume", "rm", "pile");
  });
});
