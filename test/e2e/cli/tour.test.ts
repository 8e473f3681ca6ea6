/** What a first user does with berth's own command, in order: each step builds on those before it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { busyboxEntries } from "../../support/images.ts";
import { tar } from "../../support/tar.ts";
import { eventually } from "../../support/wait.ts";

const PAGE = "mkdir -p /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www";

describe("a tour with berth's own command", () => {
  let engine: TestEngine;
  let folder = "";
  const local = (name: string) => join(folder, name);
  /** Runs a command line that must succeed without a word on standard error; gives standard output. */
  const berth = async (line: string | readonly string[], input?: string | Uint8Array): Promise<string> => {
    const args = typeof line === "string" ? line.split(" ") : line;
    const { code, stdout, stderr } = await engine.berth(args, input === undefined ? {} : { input });
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
    return stdout;
  };
  const shell = (name: string, script: string) => berth(["exec", name, "sh", "-c", script]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-tour-"));
    engine = await startEngine({ image: false });
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test("import makes the first image, images lists it", async () => {
    const change = ["--change", "CMD sh", "--change", "ENV GREETING=hello", "--message", "first"];
    const id = await berth(["import", ...change, "-", "tour:1"], tar(busyboxEntries()));
    expect(id).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    const [head, row] = (await berth("images")).split("\n");
    expect(head).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
    expect(row).toStartWith("tour");
    expect(await berth(["history", "--format", "{{.Comment}}", "tour:1"])).toBe("first\n");
  });

  test("run prints what the container prints and ends with its code", async () => {
    expect(await berth(["run", "--rm", "tour:1", "sh", "-c", "echo $GREETING"])).toBe("hello\n");
    const failed = await engine.berth(["run", "--rm", "tour:1", "sh", "-c", "echo oops >&2; exit 7"]);
    expect(failed).toEqual({ code: 7, stdout: "", stderr: "oops\n" });
  });

  test("run -d goes on in the background, ps shows it", async () => {
    const id = await berth(["run", "-d", "--name", "web", "-p", "127.0.0.1::80", "tour:1", "sh", "-c", PAGE]);
    expect(id).toMatch(/^[0-9a-f]{64}\n$/);
    const format = "{{.Names}} {{.Image}} {{.State}}";
    expect(await berth(["ps", "--format", format])).toBe("web tour:1 running\n");
    expect(await berth("ps -q --no-trunc")).toBe(id);
  });

  test("a published port answers on the host", async () => {
    const address = (await berth("port web 80")).trim();
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await berth("port web")).toBe(`80/tcp -> ${address}\n`);
    const page = await eventually("the page", () =>
      fetch(`http://${address}/`).then(
        (response) => response.text(),
        () => undefined,
      ),
    );
    expect(page).toBe("served\n");
  });

  test("logs -f ends with the container", async () => {
    const script = "echo one; read line; echo $line; exit 3";
    await berth(["run", "-d", "-i", "--name", "talker", "tour:1", "sh", "-c", script]);
    const following = berth("logs -f talker");
    await berth("attach talker", "two\n").catch(() => undefined); // it ends with the container's code, 3
    expect(await following).toBe("one\ntwo\n");
    expect(await berth("wait talker")).toBe("3\n");
    expect(await berth("logs --tail 1 talker")).toBe("two\n");
    expect(await berth("rm talker")).toBe("talker\n");
  });

  test("exec runs a second command", async () => {
    expect(await berth("exec web cat /www/index.html")).toBe("served\n");
    expect(await berth(["exec", "-i", "-w", "/www", "web", "sh", "-c", "pwd; cat"], "typed\n")).toBe("/www\ntyped\n");
  });

  test("cp copies both ways", async () => {
    await writeFile(local("in.txt"), "carried\n");
    await berth(["cp", "-q", local("in.txt"), "web:/www/in.txt"]);
    expect(await shell("web", "cat /www/in.txt")).toBe("carried\n");
    await berth(["cp", "-q", "web:/www", local("out")]);
    expect(await readFile(local("out/in.txt"), "utf8")).toBe("carried\n");
    expect(await readFile(local("out/index.html"), "utf8")).toBe("served\n");
  });

  test("diff tells what changed, commit keeps it", async () => {
    expect((await berth("diff web")).split("\n")).toContain("A /www/in.txt");
    expect(await berth("commit -m changed web tour:2")).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(await berth("run --rm tour:2 cat /www/in.txt")).toBe("carried\n");
  });

  test("save and load carry an image through an archive", async () => {
    const before = await berth("inspect --format {{.Id}} tour:2");
    await berth(["save", "-o", local("tour.tar"), "tour:2"]);
    await berth("rm -f web");
    await berth("rmi tour:2");
    expect(await berth(["load", "-i", local("tour.tar")])).toBe("Loaded image: tour:2\n");
    expect(await berth("inspect --format {{.Id}} tour:2")).toBe(before);
    expect(await berth("run --rm tour:2 cat /www/in.txt")).toBe("carried\n");
  });

  test("a volume outlives containers", async () => {
    expect(await berth("volume create store")).toBe("store\n");
    await berth(["run", "--rm", "-v", "store:/data", "tour:1", "sh", "-c", "echo kept >/data/file"]);
    expect(await berth("run --rm -v store:/data:ro tour:1 cat /data/file")).toBe("kept\n");
    expect(await berth(["volume", "ls", "--format", "{{.Driver}} {{.Name}}"])).toBe("local store\n");
    expect(await berth("volume rm store")).toBe("store\n");
  });

  test("containers on a network reach each other by name", async () => {
    expect(await berth("network create tour-net")).toMatch(/^[0-9a-f]{64}\n$/);
    const net = ["--network", "tour-net"];
    await berth(["run", "-d", "--name", "web", ...net, "--network-alias", "site", "tour:1", "sh", "-c", PAGE]);
    await eventually("the server", () =>
      engine.berth(["exec", "web", "wget", "-qO-", "http://127.0.0.1/"]).then(({ code }) => code === 0),
    );
    for (const name of ["web", "site", "web.tour-net"]) {
      expect(await berth(["run", "--rm", ...net, "tour:1", "wget", "-qO-", `http://${name}/`])).toBe("served\n");
    }
    await berth("run -d --name loner tour:1 sleep 1000");
    await berth("network connect tour-net loner");
    expect(await shell("loner", "wget -qO- http://web/")).toBe("served\n");
    await berth("network disconnect tour-net loner");
    const members = "{{range .Containers}}{{.Name}} {{end}}";
    expect(await berth(["network", "inspect", "--format", members, "tour-net"])).toBe("web \n");
    expect(await berth("rm -f loner")).toBe("loner\n");
  });

  test("inspect, top and stats look inside", async () => {
    const format = "{{.Name}} {{.State.Running}} {{index .Config.Cmd 0}} {{json .Config.Env}}";
    expect(await berth(["inspect", "--format", format, "web"])).toStartWith('/web true sh ["GREETING=hello"');
    const [titles, process] = (await berth("top web")).split("\n");
    expect(titles).toContain("PID");
    expect(process).toContain("httpd -f -p 80");
    expect(await berth(["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}"])).toMatch(/^web [1-9]\d*\n$/);
    expect(await berth("stats --no-stream")).toMatch(/^CONTAINER ID +NAME +CPU % +MEM USAGE/);
  });

  test("a running container is renamed, updated, paused, killed, started again", async () => {
    await berth("rename web site");
    expect(await berth("update --memory 64m --memory-swap 64m --restart no site")).toBe("site\n");
    expect(await berth(["inspect", "--format", "{{.HostConfig.Memory}}", "site"])).toBe("67108864\n");
    await berth("pause site");
    expect(await stateOf("site")).toBe("paused");
    await berth("unpause site");
    const ended = berth("wait site");
    await eventually("the wait", async () => (await stateOf("site")) === "running");
    expect(await berth("kill site")).toBe("site\n");
    expect(await ended).toBe("137\n");
    expect(await berth("start site")).toBe("site\n");
    expect(await berth("restart -t 0 site")).toBe("site\n");
    expect(await berth("stop -t 0 site")).toBe("site\n");
    expect(await stateOf("site")).toBe("exited");
  });

  const stateOf = async (name: string) => (await berth(["inspect", "--format", "{{.State.Status}}", name])).trim();

  test("events tell what happened to one container", async () => {
    const id = (await berth("inspect --format {{.Id}} site")).trim();
    const until = String(Math.ceil(Date.now() / 1000));
    const line = [
      "events",
      "--since",
      "1",
      "--until",
      until,
      "--filter",
      "type=container",
      "--filter",
      `container=${id}`,
    ];
    const actions = (await berth([...line, "--format", "{{.Action}}"])).trim().split("\n");
    const told = actions.filter((action) => !action.startsWith("exec_"));
    expect(told.slice(0, 9)).toEqual(["create", "start", "top", "rename", "update", "pause", "unpause", "kill", "die"]);
    const filtered = await berth([...line, "--filter", "event=rename", "--format", "{{.Actor.Attributes.oldName}}"]);
    expect(filtered).toBe("/web\n");
  });

  test("system df counts, prune takes away what is not used", async () => {
    await berth("volume create --label tour unused");
    const rows = (await berth(["system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"])).split("\n");
    expect(rows).toEqual(["Images 2 1", "Containers 1 0", "Local Volumes 1 0", "Build Cache 0 0", ""]);
    expect((await engine.docker(["system", "df", "-v"])).code).toBe(0);
    expect(await berth("volume prune -a -f")).toStartWith("Deleted Volumes:\nunused\n");
    const pruned = await berth("system prune -a -f");
    for (const part of ["Deleted Containers:\n", "Deleted Networks:\ntour-net\n", "untagged: tour:2\n"]) {
      expect(pruned).toContain(part);
    }
    expect(pruned).toMatch(/Total reclaimed space: [\d.]+[kM]?B\n$/);
    expect(await berth("ps -aq")).toBe("");
    expect(await berth("images -q")).toBe("");
  });
});
