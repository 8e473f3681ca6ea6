import { describe, expect, test } from "bun:test";
import { DetachFilter, parseDetachKeys } from "./detach-keys.ts";
import { device, extraHost } from "./device-spec.ts";
import { canonicalReference, familiarReference, parseImageName, withDefaultTag } from "./image-name.ts";
import { buildIpam } from "./ipam-spec.ts";
import { parseMount } from "./mount-spec.ts";
import { parseNetworks } from "./network-spec.ts";
import { parseExposed, parsePortSpecs } from "./port-spec.ts";
import { displayPorts } from "./ports.ts";

describe("published ports", () => {
  const cases: [spec: string, bindings: Record<string, unknown>][] = [
    ["80", { "80/tcp": [{ HostIp: "", HostPort: "" }] }],
    ["8080:80", { "80/tcp": [{ HostIp: "", HostPort: "8080" }] }],
    ["127.0.0.1:8080:80/udp", { "80/udp": [{ HostIp: "127.0.0.1", HostPort: "8080" }] }],
    ["127.0.0.1::80", { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] }],
    ["[::1]:8080:80", { "80/tcp": [{ HostIp: "::1", HostPort: "8080" }] }],
    ["8080-8081:80-81", { "80/tcp": [{ HostIp: "", HostPort: "8080" }], "81/tcp": [{ HostIp: "", HostPort: "8081" }] }],
    ["8080-8090:80", { "80/tcp": [{ HostIp: "", HostPort: "8080-8090" }] }],
  ];
  for (const [spec, bindings] of cases)
    test(spec, () => expect(parsePortSpecs([spec]).bindings).toEqual(bindings as never));
  const errors: [spec: string, message: string][] = [
    ["abc", "invalid containerPort: abc"],
    ["x:80", "invalid hostPort: x"],
    ["1-2:80-83", "invalid ranges specified for container and host Ports: 80-83 and 1-2"],
    ["1.2.3:80:80", "invalid IP address: 1.2.3"],
    ["80/foo", "invalid proto: foo"],
    ["70000", "invalid containerPort: 70000"],
  ];
  for (const [spec, message] of errors) test(spec, () => expect(() => parsePortSpecs([spec])).toThrow(message));
  test("exposed ranges", () =>
    expect(Object.keys(parseExposed(["80-82/udp"]))).toEqual(["80/udp", "81/udp", "82/udp"]));
});

test("listed ports are joined to ranges", () => {
  const port = (PrivatePort: number, PublicPort?: number, IP?: string) => ({
    PrivatePort,
    Type: "tcp" as const,
    ...(PublicPort === undefined ? {} : { PublicPort }),
    ...(IP === undefined ? {} : { IP }),
  });
  expect(displayPorts([port(80), port(81), port(82), port(90)])).toBe("80-82/tcp, 90/tcp");
  expect(displayPorts([port(80, 8080, "0.0.0.0"), port(80, 8080, "::")])).toBe(
    "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
  );
  expect(displayPorts([port(80, 80, "0.0.0.0"), port(81, 81, "0.0.0.0")])).toBe("0.0.0.0:80-81->80-81/tcp");
});

describe("image names", () => {
  const cases: [text: string, familiar: string, canonical: string][] = [
    ["busybox", "busybox:latest", "docker.io/library/busybox:latest"],
    ["library/busybox:1", "busybox:1", "docker.io/library/busybox:1"],
    ["user/app", "user/app:latest", "docker.io/user/app:latest"],
    ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
    ["127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c"],
    [`a@sha256:${"0".repeat(64)}`, `a@sha256:${"0".repeat(64)}`, `docker.io/library/a@sha256:${"0".repeat(64)}`],
  ];
  for (const [text, familiar, canonical] of cases) {
    test(text, () => {
      const name = withDefaultTag(parseImageName(text));
      expect(familiarReference(name)).toBe(familiar);
      expect(canonicalReference(name)).toBe(canonical);
    });
  }
  for (const text of ["", "a:b:c", "a//b", "-a", "a:", "a@sha256:0", "a b"]) {
    test(`${JSON.stringify(text)} is none`, () =>
      expect(() => parseImageName(text)).toThrow("invalid reference format"));
  }
  test("capitals are named", () => {
    expect(() => parseImageName("INVALID")).toThrow(
      "invalid reference format: repository name (library/INVALID) must be lowercase",
    );
  });
});

describe("mounts", () => {
  test("all kinds of fields", () => {
    expect(parseMount("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave")).toEqual({
      Type: "bind",
      Source: "/a",
      Target: "/b",
      ReadOnly: true,
      BindOptions: { Propagation: "rslave" },
    });
    expect(parseMount('dst=/b,volume-label=a=b,"volume-opt=o=x,y"')).toEqual({
      Type: "volume",
      Target: "/b",
      VolumeOptions: { Labels: { a: "b" }, DriverConfig: { Options: { o: "x,y" } } },
    });
    expect(parseMount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770")).toEqual({
      Type: "tmpfs",
      Target: "/t",
      TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o1770 },
    });
  });
  const errors: [text: string, message: string][] = [
    ["type=bind", "target is required"],
    ["foo", "invalid field 'foo' must be a key=value pair"],
    ["dst=/a,foo=b", "unexpected key 'foo' in 'foo=b'"],
    ["type=tmpfs,dst=/a,volume-nocopy=true", "cannot mix 'volume-*' options with mount type 'tmpfs'"],
  ];
  for (const [text, message] of errors) test(text, () => expect(() => parseMount(text)).toThrow(message));
});

test("networks: the older flags speak of the first one", () => {
  const none = { aliases: [], links: [], ip: "", ip6: "", linkLocal: [], mac: "" };
  expect(parseNetworks([], none)).toEqual({ mode: "default", endpoints: {}, links: [] });
  expect(parseNetworks(["name=a,alias=x,gw-priority=2", "b"], { ...none, ip: "10.0.0.2" }).endpoints).toEqual({
    a: { Aliases: ["x"], GwPriority: 2, IPAMConfig: { IPv4Address: "10.0.0.2" } },
    b: {},
  });
  expect(() => parseNetworks(["a", "a"], none)).toThrow('network "a" is specified multiple times');
  expect(() => parseNetworks(["host", "a"], none)).toThrow("conflicting options");
});

test("subnets take the ranges and gateways that lie in them", () => {
  expect(
    buildIpam({
      subnets: ["10.1.0.0/16", "fd00::/64"],
      ranges: ["10.1.5.0/24"],
      gateways: ["fd00::1"],
      auxiliary: { a: "10.1.0.9" },
    }),
  ).toEqual([
    { Subnet: "10.1.0.0/16", IPRange: "10.1.5.0/24", AuxiliaryAddresses: { a: "10.1.0.9" } },
    { Subnet: "fd00::/64", Gateway: "fd00::1" },
  ]);
  expect(() => buildIpam({ subnets: ["10.1.0.0/16", "10.1.2.0/24"], ranges: [], gateways: [], auxiliary: {} })).toThrow(
    "overlapping",
  );
  expect(() => buildIpam({ subnets: ["10.1.0.0/16"], ranges: [], gateways: ["10.2.0.1"], auxiliary: {} })).toThrow(
    "no matching subnet for gateway 10.2.0.1",
  );
});

test("devices and hosts", () => {
  expect(device("/dev/a")).toEqual({ PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rwm" });
  expect(device("/dev/a:r")).toEqual({ PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "r" });
  expect(device("/dev/a:/dev/b:rw")).toEqual({
    PathOnHost: "/dev/a",
    PathInContainer: "/dev/b",
    CgroupPermissions: "rw",
  });
  expect(extraHost("a=[::1]")).toBe("a:::1");
  expect(() => extraHost("a:b")).toThrow('invalid IP address in add-host: "b"');
});

describe("detach keys", () => {
  const feed = (text: string) => {
    const filter = new DetachFilter(parseDetachKeys("ctrl-p,ctrl-q"));
    const { pass, detached } = filter.feed(Buffer.from(text));
    return [Buffer.from(pass).toString(), detached];
  };
  test("pass what is no sequence", () => expect(feed("abc")).toEqual(["abc", false]));
  test("end at the sequence", () => expect(feed("a\x10\x11b")).toEqual(["a", true]));
  test("give back what only began it", () => expect(feed("a\x10b")).toEqual(["a\x10b", false]));
  test("hold a beginning at the end back", () => expect(feed("a\x10")).toEqual(["a", false]));
  test("are not begun anew by a key that breaks them", () =>
    expect(feed("\x10\x10\x11b")).toEqual(["\x10\x10\x11b", false]));
  test("have names", () => expect([...parseDetachKeys("ctrl-@,ctrl-[,ctrl-_,DEL,A")]).toEqual([0, 27, 31, 127, 65]));
  test.each(["ctrl-p,foo", "ctrl-A", "ctrl-?", "del", "ctrl-"])("refuse %s", (text) =>
    expect(() => parseDetachKeys(text)).toThrow("Unknown character: '"),
  );
});
