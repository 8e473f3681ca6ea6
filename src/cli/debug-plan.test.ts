import { describe, expect, test } from "bun:test";
import { type DebugRequest, planDebug, toolImage } from "./debug-plan.ts";

const ID = "a".repeat(64);
const request: DebugRequest = {
  image: "busybox",
  command: ["sh"],
  env: [],
  user: "",
  workdir: "",
  stdin: true,
  tty: false,
};
const planned = (HostConfig: object, State: object = { Running: true, Pid: 4321 }) =>
  planDebug("web", { Id: ID, State, HostConfig }, request);

describe("a container that looks into another", () => {
  test("is in its namespaces, and goes when it has ended", () => {
    const { body, root } = planned({ PidMode: "", IpcMode: "private" });
    expect(root).toBe("/proc/1/root");
    expect(body).toMatchObject({ Image: "busybox", Entrypoint: [""], Cmd: ["sh"], AttachStdin: true, OpenStdin: true });
    expect(body.Labels).toEqual({ "berth.debug": ID });
    expect(body.HostConfig).toEqual({
      AutoRemove: true,
      PidMode: `container:${ID}`,
      NetworkMode: `container:${ID}`,
      Privileged: false,
      CapAdd: ["SYS_PTRACE"],
    });
  });

  test("shares IPC, host name and users where the other lets it", () => {
    expect(planned({ IpcMode: "shareable" }).body.HostConfig.IpcMode).toBe(`container:${ID}`);
    expect(planned({ IpcMode: "host" }).body.HostConfig.IpcMode).toBe("host");
    expect(planned({ UTSMode: "host", UsernsMode: "host" }).body.HostConfig).toMatchObject({
      UTSMode: "host",
      UsernsMode: "host",
    });
  });

  test("may do what the other may, since else it does not see its files", () => {
    const { HostConfig } = planned({ Privileged: true, CapAdd: ["NET_ADMIN", "SYS_PTRACE"] }).body;
    expect(HostConfig).toMatchObject({ Privileged: true, CapAdd: ["NET_ADMIN", "SYS_PTRACE"] });
  });

  test("finds the other's files elsewhere when its first process is not number 1", () => {
    expect(planned({ PidMode: "host" }).root).toBe("/proc/4321/root");
    // Its number there is not the one that the engine tells
    expect(planned({ PidMode: "container:x" }).root).toBeUndefined();
  });

  test("is none when the other does not run", () => {
    expect(() => planned({}, { Running: false })).toThrow(
      "container web is not running, so there is nothing to enter: start it with `berth start web`",
    );
  });
});

describe("the image with tools", () => {
  const image = (Created: number, ...RepoTags: string[]) => ({
    Id: "",
    ParentId: "",
    RepoTags,
    RepoDigests: [],
    Created,
    Size: 0,
    SharedSize: 0,
    Labels: {},
    Containers: 0,
  });

  test("is the newest busybox of any registry", () => {
    const images = [image(1, "busybox:1"), image(3, "app:1", "host:5000/tools/busybox:2"), image(9, "busybox-extra:1")];
    expect(toolImage(images)).toBe("host:5000/tools/busybox:2");
    expect(toolImage([image(2, "<none>:<none>"), image(1, "busybox:1")])).toBe("busybox:1");
  });

  test("has to be named when there is none", () => {
    expect(() => toolImage([image(1, "app:1")])).toThrow("pull one with `berth pull busybox`, or name another image");
  });
});
