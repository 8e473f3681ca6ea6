import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RootfsMount } from "../../snapshot/index.ts";
import { AT_FDCWD, loadNative, O_PATH, S_IFCHR, S_IFIFO } from "../../sys/index.ts";
import { type LayerCalls, layeredDirectoryMode, lookupUser, readLayeredFiles, resolveUser } from "./index.ts";

const files = {
  passwd:
    "root:x:0:0:root:/root:/bin/sh\n\nuser:x:1000:1000::/home/user:/bin/sh\n1001:x:0:0::/evil:\nbig:x:2147483648:0::/:\n",
  group: "root:x:0:\nuser:x:1000:\nextra:x:2000:user,other\nwheel:x:10:root\n",
};

describe("a user", () => {
  test.each([
    ["", [], { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" }],
    ["user", [], { uid: 1000, gid: 1000, additionalGids: [1000, 2000], home: "/home/user" }],
    ["1000", [], { uid: 1000, gid: 1000, additionalGids: [1000, 2000], home: "/home/user" }],
    ["user:extra", [], { uid: 1000, gid: 2000, additionalGids: [2000], home: "/home/user" }],
    ["1000:3000", [], { uid: 1000, gid: 3000, additionalGids: [3000], home: "/home/user" }],
    [":extra", [], { uid: 0, gid: 2000, additionalGids: [2000], home: "/root" }],
    ["4000", [], { uid: 4000, gid: 0, additionalGids: [0], home: "/" }],
    ["1001", [], { uid: 1001, gid: 0, additionalGids: [0], home: "/" }],
    ["2147483647", [], { uid: 2147483647, gid: 0, additionalGids: [0], home: "/" }],
    ["user", ["extra", "77"], { uid: 1000, gid: 1000, additionalGids: [1000, 2000, 2000, 77], home: "/home/user" }],
  ])("%p with groups %p", (user, groups, expected) => {
    expect(resolveUser(files, user, groups)).toEqual(expected);
  });

  test.each([
    ["nosuch", "unable to find user nosuch: no matching entries in passwd file"],
    ["a:b:c", "unable to find user a: no matching entries in passwd file"],
    ["user:nosuch", "unable to find group nosuch: no matching entries in group file"],
    ["2147483648", "uids and gids must be in range 0-2147483647"],
    ["-1", "uids and gids must be in range 0-2147483647"],
    ["4294967295", "uids and gids must be in range 0-2147483647"],
    ["big", "uids and gids must be in range 0-2147483647"],
    ["1000:-1", "uids and gids must be in range 0-2147483647"],
    ["99999999999999999999", "uids and gids must be in range 0-2147483647"],
  ])("%p is refused", (user, text) => {
    expect(() => resolveUser(files, user)).toThrow(text);
  });

  test("groups to add are checked too", () => {
    expect(() => resolveUser(files, "", ["nosuch"])).toThrow("unable to find group nosuch");
    expect(() => resolveUser(files, "", ["2147483648"])).toThrow("uids and gids must be in range");
  });
});

describe("a file of layers", () => {
  const native = loadNative();
  const base = mkdtempSync(join(tmpdir(), "berth-users-"));
  afterAll(() => rmSync(base, { recursive: true, force: true }));
  const layer = (name: string, content: Record<string, string>) => {
    const directory = join(base, name);
    mkdirSync(directory, { recursive: true });
    for (const [path, text] of Object.entries(content)) {
      mkdirSync(join(directory, path, ".."), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    return directory;
  };
  const overlay = (...lower: string[]): RootfsMount => ({ type: "overlay", lower, upper: undefined, work: undefined });
  const read = (rootfs: RootfsMount, path = "/etc/passwd", limit = 1000) =>
    readLayeredFiles(native, rootfs, [path], limit)[0];

  let low = "";
  beforeAll(() => {
    low = layer("low", { "etc/passwd": "low", "etc/other": "other" });
    writeFileSync(join(base, "secret"), "host");
  });

  test("comes from the uppermost layer that has it", () => {
    const high = layer("high", { "etc/passwd": "high" });
    expect(read(overlay(high, low))).toBe("high");
    expect(read(overlay(layer("empty", {}), low))).toBe("low");
    expect(read({ type: "overlay", lower: [low], upper: high, work: undefined })).toBe("high");
    expect(read({ type: "bind", source: low, readOnly: false })).toBe("low");
    expect(read(overlay(low), "/etc/nosuch")).toBeUndefined();
  });

  test("is hidden by whiteouts and opaque directories", () => {
    const white = layer("white", { "etc/x": "" });
    native.mknodat(AT_FDCWD, join(white, "etc/passwd"), S_IFCHR | 0o600, 0, 0);
    expect(read(overlay(white, low))).toBeUndefined();
    expect(read(overlay(white, low), "/etc/other")).toBe("other");
    const opaque = layer("opaque", { "etc/x": "" });
    native.lsetxattr(join(opaque, "etc"), "trusted.overlay.opaque", Buffer.from("y"), 0);
    expect(read(overlay(opaque, low))).toBeUndefined();
    const file = layer("file", { etc: "a file in its place" });
    expect(read(overlay(file, low))).toBeUndefined();
  });

  test("is found through links, which stay beneath the root", () => {
    const links = layer("links", { "real/passwd": "through a link" });
    symlinkSync("/real", join(links, "abs"));
    symlinkSync("../../../../real", join(links, "up"));
    symlinkSync(join(base, "secret"), join(links, "out"));
    symlinkSync("../../secret", join(links, "dots"));
    symlinkSync("loop", join(links, "loop"));
    for (const rootfs of [overlay(links, low), overlay(links)]) {
      expect(read(rootfs, "/abs/passwd")).toBe("through a link");
      expect(read(rootfs, "/up/passwd")).toBe("through a link");
      expect(read(rootfs, "/out")).toBeUndefined();
      expect(read(rootfs, "/dots")).toBeUndefined();
      expect(read(rootfs, "/loop")).toBeUndefined();
      expect(read(rootfs, "/../../secret")).toBeUndefined();
    }
  });

  test("is not opened when it is a device, since that alone can have effects", () => {
    const device = layer("device", { "etc/x": "" });
    native.mknodat(AT_FDCWD, join(device, "etc/passwd"), S_IFCHR | 0o600, 1, 3);
    const opened: string[] = [];
    const calls: LayerCalls = {
      statx: (...args) => native.statx(...args),
      readlinkat: (...args) => native.readlinkat(...args),
      fgetxattr: (...args) => native.fgetxattr(...args),
      openat2: (fd, path, flags, ...rest) => {
        if ((flags & O_PATH) === 0) opened.push(String(path));
        return native.openat2(fd, path, flags, ...rest);
      },
    };
    for (const rootfs of [overlay(device), overlay(device, low)]) {
      expect(readLayeredFiles(calls, rootfs, ["/etc/passwd"], 1000)).toEqual([undefined]);
    }
    expect(opened.filter((path) => path.includes("passwd") || path.includes("/proc/"))).toEqual([]);
    expect(readLayeredFiles(calls, overlay(low), ["/etc/passwd"], 1000)).toEqual(["low"]);
    expect(opened.filter((path) => path.includes("/proc/"))).toHaveLength(1);
  });

  test("must be a regular file within the bound", () => {
    const odd = layer("odd", { "etc/passwd": "x".repeat(1001) });
    native.mknodat(AT_FDCWD, join(odd, "etc/group"), S_IFIFO | 0o600, 0, 0);
    expect(() => read(overlay(odd))).toThrow("/etc/passwd of the image is larger than 1000 bytes");
    expect(read(overlay(odd), "/etc/group")).toBeUndefined();
    expect(read(overlay(odd), "/etc")).toBeUndefined();
  });

  test("tells a directory's mode from the uppermost layer that has it", () => {
    const sticky = layer("sticky", {});
    mkdirSync(join(sticky, "etc"));
    chmodSync(join(sticky, "etc"), 0o1777);
    expect(layeredDirectoryMode(native, overlay(sticky, low), "/etc/.")).toBe(0o1777);
    expect(layeredDirectoryMode(native, overlay(low), "/etc")).toBe(0o755);
    expect(layeredDirectoryMode(native, overlay(low), "/etc/passwd")).toBeUndefined();
    expect(layeredDirectoryMode(native, overlay(low), "/none")).toBeUndefined();
  });

  test("resolves users; without files only numbers are known", () => {
    const image = layer("image", { "etc/passwd": files.passwd, "etc/group": files.group });
    expect(lookupUser(native, overlay(image), "user", ["wheel"]).additionalGids).toEqual([1000, 2000, 10]);
    expect(lookupUser(native, overlay(layer("bare", {})), "7:8")).toEqual({
      uid: 7,
      gid: 8,
      additionalGids: [8],
      home: "/",
    });
  });
});
