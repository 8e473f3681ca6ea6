import { expect, test } from "bun:test";
import { messageOf } from "../../base/index.ts";
import { adaptCreateBody } from "./container-create.ts";
import { withLegacyFields } from "./events.ts";
import { adaptImageSummary, checkPlatform } from "./images.ts";

test("no network, asked for in the older way, is a network mode", () => {
  const { body } = adaptCreateBody({ Image: "a", NetworkDisabled: true }, [1, 51]);
  expect(body.HostConfig?.NetworkMode).toBe("none");
});

test("a container-wide MAC address goes to the main network, with a warning to who could know", () => {
  const given = { Image: "a", MacAddress: "02:00:00:00:00:01", HostConfig: { NetworkMode: "n" } };
  const adapted = adaptCreateBody(given, [1, 51]);
  expect(adapted.body.NetworkingConfig?.EndpointsConfig).toEqual({ n: { MacAddress: given.MacAddress } });
  expect(adapted.body).not.toHaveProperty("MacAddress");
  expect(adapted.warnings.length).toBe(1);
  expect(adaptCreateBody(given, [1, 43]).warnings).toEqual([]);
  const contradicting = {
    ...given,
    NetworkingConfig: { EndpointsConfig: { n: { MacAddress: "02:00:00:00:00:02" } } },
  };
  expect(() => adaptCreateBody(contradicting, [1, 51])).toThrow("must match the endpoint-specific MAC address");
});

test("the bridge that a container joins without being asked has one MAC address, too", () => {
  const contradicting = {
    Image: "a",
    MacAddress: "02:00:00:00:00:01",
    NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: "02:00:00:00:00:02" } } },
  };
  expect(() => adaptCreateBody(contradicting, [1, 51])).toThrow("must match the endpoint-specific MAC address");
});

test("the size of a console is two numbers", () => {
  const sizeOf = (ConsoleSize: number[]) =>
    adaptCreateBody({ Image: "a", HostConfig: { ConsoleSize } }, [1, 51]).body.HostConfig?.ConsoleSize;
  expect([sizeOf([5]), sizeOf([1, 2, 3])]).toEqual([
    [5, 0],
    [1, 2],
  ]);
});

test("values that no answer may have are kept as the document spells them", () => {
  const Mounts = [{ Type: "bind" as const, BindOptions: { Propagation: "" as "private", NonRecursive: true } }];
  const { HostConfig } = adaptCreateBody(
    { Image: "a", HostConfig: { Isolation: "DEFAULT" as "default", Mounts } },
    [1, 51],
  ).body;
  expect(HostConfig?.Isolation).toBe("default");
  expect(HostConfig?.Mounts).toEqual([{ Type: "bind", BindOptions: { NonRecursive: true } }]);
});

test("limits that no kernel has any more are not kept", () => {
  const host = { KernelMemory: 1, KernelMemoryTCP: 1, Memory: 5 };
  const { body } = adaptCreateBody({ Image: "a", HostConfig: host }, [1, 41]);
  expect(body.HostConfig).not.toHaveProperty("KernelMemory");
  expect(body.HostConfig).toMatchObject({ Memory: 5 });
});

test("only events of containers and images have the older members", async () => {
  const given = [
    { Type: "image", Action: "pull", Actor: { ID: "i" } },
    { Type: "network", Action: "create", Actor: { ID: "n" } },
  ] as const;
  const seen: unknown[] = [];
  for await (const event of withLegacyFields(
    (async function* () {
      yield* given;
    })(),
  )) {
    seen.push(event);
  }
  expect(seen).toEqual([{ status: "pull", id: "i", ...given[0] }, given[1]]);
});

test("an image's summary has what its version knows: containers, a size of its own, a name for what has none", () => {
  const image = {
    Id: "i",
    ParentId: "",
    RepoTags: [],
    RepoDigests: [],
    Created: 1,
    Size: 2,
    SharedSize: -1,
    Labels: {},
    Containers: 3,
  };
  expect(adaptImageSummary(image, [1, 51])).toEqual(image);
  expect(adaptImageSummary(image, [1, 50])).toEqual({ ...image, Containers: -1 });
  expect(adaptImageSummary(image, [1, 43])).toEqual({ ...image, Containers: -1, VirtualSize: 2 });
  expect(adaptImageSummary(image, [1, 42])).toEqual({
    ...image,
    Containers: -1,
    VirtualSize: 2,
    RepoTags: ["<none>:<none>"],
    RepoDigests: ["<none>@<none>"],
  });
});

test.each([
  ['{"os":"linux","architecture":"amd64"}', "fine"],
  ['{"os":"linux"}', "fine"],
  [
    '{"os":"linux","architecture":"arm64","variant":"v8"}',
    "image with reference a was found but does not provide the specified platform (linux/arm64/v8)",
  ],
  ["[]", "invalid platform"],
  ["{", "invalid JSON: unexpected EOF"],
])("an image of linux/amd64 asked for %p", (platform, outcome) => {
  let message = "fine";
  try {
    checkPlatform("a", { Os: "linux", Architecture: "amd64" }, platform);
  } catch (error) {
    message = messageOf(error);
  }
  expect(message).toBe(outcome);
});
