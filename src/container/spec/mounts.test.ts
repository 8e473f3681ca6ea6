import { expect, test } from "bun:test";
import type { MountRecord } from "../record.ts";
import { compileMounts } from "./mounts.ts";

const tmpfs = (target: string, options: string[] = [], legacy = true): MountRecord => {
  return { type: "tmpfs", target, readOnly: false, options, legacy };
};

const compile = (...mounts: MountRecord[]) =>
  compileMounts(
    { mounts, hostConfig: {} },
    { files: { hosts: "/h", hostname: "/n", resolvConf: "/r" }, paths: {}, imageMounts: new Map() },
    false,
  );
const places = (...mounts: MountRecord[]) => compile(...mounts).map(({ destination }) => destination);

test("a mount on /etc does not hide the container's own files", () => {
  const own = ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"];
  expect(places(tmpfs("/etc")).slice(-4)).toEqual(["/etc", ...own]);
  expect(places(tmpfs("/etc/a/b"), tmpfs("/etc")).slice(-5)).toEqual(["/etc", ...own, "/etc/a/b"]);
});

test("a mount in the place of one of them comes instead of it", () => {
  expect(places(tmpfs("/etc/hosts"), tmpfs("/etc")).slice(-4)).toEqual([
    "/etc",
    "/etc/resolv.conf",
    "/etc/hostname",
    "/etc/hosts",
  ]);
});

test.each(["nosuch", "nosuch=1", "size", "lazytime", " ro", "RO"])(
  "%j is no option of --tmpfs, which is told before the kernel is asked",
  (option) => {
    const name = JSON.stringify(option.replace(/=.*/, ""));
    expect(() => compile(tmpfs("/t", ["ro", option]))).toThrow(`invalid tmpfs option ${name}`);
    expect(places(tmpfs("/t", [option], false))).toContain("/t");
  },
);

test.each(["ro", "exec", "size=1m", "mode=0700", "rslave", "noatime", "nr_inodes=5"])("%j is one", (option) => {
  const mount = compile(tmpfs("/t", [option])).find(({ destination }) => destination === "/t");
  expect(mount?.options).toContain(option);
});
