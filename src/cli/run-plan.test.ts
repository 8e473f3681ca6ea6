import { describe, expect, test } from "bun:test";
import { planRun, type RunRequest, type RunSurroundings } from "./run-plan.ts";

const body: RunRequest["body"] = {
  Image: "app",
  Hostname: "",
  Tty: false,
  AttachStdout: true,
  Env: ["A=1"],
  Labels: {},
  Volumes: {},
  HostConfig: {
    NetworkMode: "default",
    Binds: ["data:/data", "/etc:/host:ro"],
    Memory: 0,
    PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] },
  },
  NetworkingConfig: { EndpointsConfig: {} },
};
const request: RunRequest = { name: "web", image: "app", pull: "missing", detach: false, remove: true, body };
const known: RunSurroundings = {
  imageId: `sha256:${"a".repeat(64)}`,
  containers: [{ Id: "c".repeat(64), Names: ["/other"] }],
  networks: [{ Name: "back", Id: "d".repeat(64) }],
  volumes: [],
};

describe("a plan of a run", () => {
  test("names what is made and what is asked for", () => {
    expect(planRun(request, known)).toBe(
      `Would:
  create volume data
  create container web from app (aaaaaaaaaaaa):
    {
      "Image": "app",
      "AttachStdout": true,
      "Env": [
        "A=1"
      ],
      "HostConfig": {
        "NetworkMode": "default",
        "Binds": [
          "data:/data",
          "/etc:/host:ro"
        ],
        "PortBindings": {
          "80/tcp": [
            {
              "HostIp": "",
              "HostPort": "8080"
            }
          ]
        }
      }
    }
  attach to it, start it and wait for its end
  remove it when it has ended
`,
    );
  });

  test("has a pull when the image is not there, or is asked for anew", () => {
    const absent = planRun(request, { ...known, imageId: undefined });
    expect(absent).toContain("\n  pull app:latest, which is not here\n");
    expect(absent).toContain("\n  create container web from app:\n");
    expect(planRun({ ...request, pull: "always" }, known)).toContain("\n  pull app:latest\n");
  });

  test("makes no volume that is there, and leaves a name to the engine", () => {
    const text = planRun({ ...request, name: "", detach: true, remove: false }, { ...known, volumes: ["data"] });
    expect(text).not.toContain("create volume");
    expect(text).toContain("create container with a name of the engine's from app");
    expect(text).toEndWith("\n  start it\n");
  });

  const on = (NetworkMode: string): RunRequest => ({
    ...request,
    body: { ...body, HostConfig: { NetworkMode } },
  });
  test("knows networks by name and id, and modes that are none", () => {
    for (const mode of ["back", "dddddddd", "host", "none", "bridge", "container:x"])
      expect(planRun(on(mode), known)).toStartWith("Would:");
  });

  test.each([
    [
      { ...request, name: "other" },
      known,
      `Conflict. The container name "/other" is already in use by container "${"c".repeat(64)}". You have to remove (or rename) that container to be able to reuse that name.`,
    ],
    [{ ...request, pull: "never" }, { ...known, imageId: undefined }, "No such image: app:latest"],
    [on("nowhere"), known, "network nowhere not found"],
  ])("says what would be refused (%#)", (asked, surroundings, why) => {
    expect(() => planRun(asked, surroundings)).toThrow(`Would fail: Error response from daemon: ${why}`);
  });
});
