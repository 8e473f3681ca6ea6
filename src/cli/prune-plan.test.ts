import { describe, expect, test } from "bun:test";
import { describe as describePlan, type EngineContent, NOTHING, planPrune, type PruneRequest } from "./prune-plan.ts";

const NOW = Date.parse("2024-06-01T00:00:00Z");
const hoursAgo = (hours: number) => NOW / 1000 - hours * 3600;

const container = (name: string, more: Partial<EngineContent["containers"][number]>) => ({
  Id: name.repeat(64).slice(0, 64),
  Names: [`/${name}`],
  Created: hoursAgo(1),
  Status: "Exited (0) 1 hour ago",
  State: "exited" as const,
  Labels: {},
  Mounts: [],
  NetworkSettings: { Networks: {} },
  ...more,
});
const image = (id: string, tags: string[], more: Partial<EngineContent["images"][number]> = {}) => ({
  Id: `sha256:${id}`,
  ParentId: "",
  RepoTags: tags,
  RepoDigests: [],
  Created: hoursAgo(1),
  Size: 1000,
  SharedSize: 400,
  Labels: {},
  Containers: 0,
  ...more,
});
const volume = (name: string, anonymous: boolean, size = 10) => ({
  Name: name,
  Driver: "local",
  Mountpoint: "",
  Labels: anonymous ? { "com.docker.volume.anonymous": "" } : { kept: "yes" },
  Scope: "local" as const,
  Options: {},
  UsageData: { Size: size, RefCount: 0 },
});

const content: EngineContent = {
  containers: [
    container("a", { ImageID: "sha256:old", SizeRw: 5, Mounts: [{ Type: "volume", Name: "of-a" }] }),
    container("b", { ImageID: "sha256:old", Created: hoursAgo(50), Labels: { stage: "test" } }),
    container("c", {
      State: "running",
      ImageID: "sha256:new",
      Mounts: [{ Type: "volume", Name: "of-c" }],
      NetworkSettings: { Networks: { busy: { NetworkID: "n1" } } },
    }),
  ],
  networks: [
    { Name: "bridge", Id: "n0", Created: "2024-01-01T00:00:00Z" },
    { Name: "busy", Id: "n1", Created: "2024-01-01T00:00:00Z" },
    { Name: "idle", Id: "n2", Created: "2024-01-01T00:00:00Z", Labels: { stage: "test" } },
  ],
  volumes: [volume("of-a", true), volume("of-c", true), volume("anonymous", true), volume("named", false)],
  images: [image("old", ["app:1"]), image("new", ["app:2"]), image("none", []), image("base", [], { ParentId: "" })],
  builds: [
    { ID: "busy", InUse: true, Size: 1 },
    { ID: "idle", InUse: false, Size: 2 },
  ],
};

function planned(request: Partial<PruneRequest>) {
  const { containers, networks, volumes, images, builds } = planPrune(content, { ...NOTHING, ...request }, NOW);
  return [
    ...containers.map(({ Names }) => Names?.[0]),
    ...networks.map(({ Name }) => Name),
    ...volumes.map(({ Name }) => Name),
    ...images.map(({ Id }) => Id),
    ...builds.map(({ ID }) => ID),
  ];
}

describe("a plan of what a prune would remove", () => {
  test("has stopped containers", () => {
    expect(planned({ containers: true })).toEqual(["/a", "/b"]);
  });

  test("heeds label, label! and until", () => {
    expect(planned({ containers: true, filters: { label: ["stage"] } })).toEqual(["/b"]);
    expect(planned({ containers: true, filters: { label: ["stage=other"] } })).toEqual([]);
    expect(planned({ containers: true, filters: { "label!": ["stage=test"] } })).toEqual(["/a"]);
    expect(planned({ containers: true, filters: { until: [String(hoursAgo(24))] } })).toEqual(["/b"]);
    expect(planned({ networks: true, filters: { label: ["stage=test"] } })).toEqual(["idle"]);
    expect(planned({ volumes: "all", filters: { "label!": ["kept"] } })).toEqual(["anonymous"]);
  });

  test("has networks that no running container is on", () => {
    expect(planned({ networks: true })).toEqual(["idle"]);
  });

  test("has volumes that no container has, named ones when asked for", () => {
    expect(planned({ volumes: "anonymous" })).toEqual(["anonymous"]);
    expect(planned({ volumes: "all" })).toEqual(["anonymous", "named"]);
    expect(planned({ volumes: "anonymous", filters: { all: ["true"] } })).toEqual(["anonymous", "named"]);
  });

  test("has images that no container has, those with names when asked for, and no parents of others", () => {
    expect(planned({ images: "dangling" })).toEqual(["sha256:none", "sha256:base"]);
    const child = { ...content, images: [...content.images, image("child", [], { ParentId: "sha256:base" })] };
    const { images } = planPrune(child, { ...NOTHING, images: "dangling" }, NOW);
    expect(images.map(({ Id }) => Id)).toEqual(["sha256:none", "sha256:child"]);
  });

  test("counts what goes with the containers", () => {
    expect(planned({ containers: true, volumes: "anonymous", images: "all" })).toEqual([
      "/a",
      "/b",
      "of-a",
      "anonymous",
      "sha256:old",
      "sha256:none",
      "sha256:base",
    ]);
  });

  test("has build cache that is not in use", () => {
    expect(planned({ builds: true })).toEqual(["idle"]);
  });

  test("is told in words", () => {
    const request = { ...NOTHING, containers: true, volumes: "anonymous" as const, images: "all" as const };
    expect(describePlan(planPrune(content, request, NOW))).toBe(
      [
        "Would remove containers:",
        "  aaaaaaaaaaaa a (Exited (0) 1 hour ago)",
        "  bbbbbbbbbbbb b (Exited (0) 1 hour ago)",
        "",
        "Would remove volumes:",
        "  of-a",
        "  anonymous",
        "",
        "Would remove images:",
        "  old app:1",
        "  none",
        "  base",
        "",
        "Space that would be reclaimed: 1.825kB",
        "",
      ].join("\n"),
    );
    expect(describePlan(planPrune(content, NOTHING, NOW))).toBe("Nothing would be removed.\n");
  });
});
