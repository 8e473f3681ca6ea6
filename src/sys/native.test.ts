import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoOf } from "../base/index.ts";
import * as C from "./constants.ts";
import { loadNative } from "./native.ts";
import { unixAddress } from "./sockaddr.ts";
import type { Native } from "./types.ts";

setDefaultTimeout(60_000);

let native: Native;
let root: string;
let dir: number;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "berth-sys-"));
  native = loadNative();
  dir = openSync(root, C.O_RDONLY | C.O_DIRECTORY);
});

afterAll(() => {
  closeSync(dir);
  rmSync(root, { recursive: true, force: true });
});

function thrown(work: () => unknown): Error & { code?: string; errno?: number; syscall?: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

/** Two ends of a connection. */
async function connected(folder: string): Promise<{ one: number; other: number; [Symbol.dispose](): void }> {
  const server = createServer({ pauseOnConnect: true });
  const path = join(folder, "connection");
  server.listen(path);
  await once(server, "listening");
  const accepted = once(server, "connection");
  const one = native.socket(C.AF_UNIX, C.SOCK_STREAM, 0);
  native.connect(one, unixAddress(path));
  const [socket] = (await accepted) as [Socket]; // what a server's "connection" has
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle; // no public property has it
  server.close();
  return {
    one,
    other: fd,
    [Symbol.dispose]: () => {
      closeSync(one);
      socket.destroy();
    },
  };
}

describe("files by directory", () => {
  test("a failure names the call, the errno and the path", () => {
    const error = thrown(() => native.openat2(dir, "absent", C.O_RDONLY, 0, 0));
    expect(error.message).toBe("ENOENT: No such file or directory, openat2 'absent'");
    expect([error.code, error.errno, error.syscall]).toEqual(["ENOENT", -2, "openat2"]);
  });

  test("openat2 does not leave its root", () => {
    native.symlinkat("/etc/hostname", dir, "out");
    expect(thrown(() => native.openat2(dir, "out", C.O_RDONLY, 0, C.RESOLVE_BENEATH)).code).toBe("EXDEV");
    expect(native.readlinkat(dir, "out").toString()).toBe("/etc/hostname");
  });

  test("descriptors are closed on exec", () => {
    const fd = native.openat2(dir, "new", C.O_CREAT | C.O_RDWR, 0o640, C.RESOLVE_BENEATH);
    expect(native.fcntl(fd, C.F_GETFD, 0)).toBe(1);
    closeSync(fd);
  });

  test("names that are not UTF-8 go in and come out as bytes", () => {
    const name = Buffer.from([0x66, 0xff, 0xfe]);
    native.mkdirat(dir, "names", 0o700);
    const names = native.openat2(dir, "names", C.O_RDONLY | C.O_DIRECTORY, 0, 0);
    native.mkdirat(names, name, 0o711);
    expect(native.getdents(names)?.map((entry) => [entry.name.toString("hex"), entry.type])).toEqual([["66fffe", 4]]);
    expect(native.getdents(names)).toBeUndefined();
    native.unlinkat(names, name, C.AT_REMOVEDIR);
    closeSync(names);
  });

  test("a name with a NUL byte is refused", () => {
    expect(() => native.mkdirat(dir, "a\0b", 0o700)).toThrow("mkdirat: argument 2: must not contain NUL bytes");
    expect(() => native.mkdirat(dir, Buffer.from("a\0b"), 0o700)).toThrow("NUL");
  });

  test("arguments of the wrong type are refused", () => {
    const wrong: unknown = 1;
    expect(() => native.mkdirat(dir, wrong as string, 0o700)).toThrow("expected a string or a Buffer");
  });

  test("devices, owners, modes and times to the nanosecond, before 1970 too", () => {
    native.mknodat(dir, "null", C.S_IFCHR | 0o600, 1, 3);
    native.fchownat(dir, "null", 1234, 5678, C.AT_SYMLINK_NOFOLLOW);
    native.fchmodat(dir, "null", 0o4751, 0);
    native.utimensat(dir, "null", -1n, 1_700_000_000_123_456_789n, C.AT_SYMLINK_NOFOLLOW);
    const status = native.statx(dir, "null", C.AT_SYMLINK_NOFOLLOW);
    expect(status).toMatchObject({ mode: C.S_IFCHR | 0o4751, uid: 1234, gid: 5678, rdevMajor: 1, rdevMinor: 3 });
    expect([status.atime, status.mtime]).toEqual([-1n, 1_700_000_000_123_456_789n]);
    native.utimensat(dir, "null", null, 5n, 0);
    expect(native.statx(dir, "null", 0)).toMatchObject({ atime: -1n, mtime: 5n });
  });

  test("a new file in one call: content, owner, mode and times", () => {
    const time = 1_700_000_000_123_456_789n;
    native.writeNew(dir, "new-file", Buffer.from("content"), 0o6754, 1234, 5678, time);
    const status = native.statx(dir, "new-file", 0);
    expect(status).toMatchObject({ mode: C.S_IFREG | 0o6754, uid: 1234, gid: 5678, size: 7n });
    expect([status.atime, status.mtime]).toEqual([time, time]);
    expect(readFileSync(join(root, "new-file"), "utf8")).toBe("content");
    native.writeNew(dir, "own-file", Buffer.alloc(0), 0o666, 0, 0, 0n);
    expect(native.statx(dir, "own-file", 0)).toMatchObject({ mode: C.S_IFREG | 0o666, uid: 0, gid: 0, size: 0n });
    expect(thrown(() => native.writeNew(dir, "own-file", Buffer.alloc(0), 0o666, 0, 0, 0n)).message).toContain(
      "EEXIST",
    );
    symlinkSync("nowhere", join(root, "new-link"));
    expect(thrown(() => native.writeNew(dir, "new-link", Buffer.alloc(0), 0o666, 0, 0, 0n)).message).toContain(
      "EEXIST",
    );
  });

  test("an O_PATH descriptor can be changed without its name", () => {
    writeFileSync(join(root, "path"), "x");
    const fd = native.openat2(dir, "path", C.O_PATH | C.O_NOFOLLOW, 0, 0);
    native.fchmodat(fd, "", 0o604, C.AT_EMPTY_PATH);
    native.fchownat(fd, "", 7, 8, C.AT_EMPTY_PATH);
    expect(native.statx(fd, "", C.AT_EMPTY_PATH)).toMatchObject({ mode: C.S_IFREG | 0o604, uid: 7, gid: 8, size: 1n });
    native.linkat(fd, "", dir, "path-link", C.AT_EMPTY_PATH);
    expect(native.statx(dir, "path-link", 0).nlink).toBe(2);
    closeSync(fd);
  });

  test("renameat2 refuses to replace when asked", () => {
    writeFileSync(join(root, "r1"), "1");
    writeFileSync(join(root, "r2"), "2");
    expect(thrown(() => native.renameat2(dir, "r1", dir, "r2", C.RENAME_NOREPLACE)).message).toContain("'r1' -> 'r2'");
    native.renameat2(dir, "r1", dir, "r2", C.RENAME_EXCHANGE);
    expect(readFileSync(join(root, "r1"), "utf8")).toBe("2");
  });
});

test("extended attributes by path, by link and by descriptor", () => {
  const file = join(root, "attributes");
  writeFileSync(file, "");
  native.setxattr(file, "trusted.a", Buffer.from([0, 1, 2]), 0);
  native.lsetxattr(file, "trusted.empty", Buffer.alloc(0), 0);
  expect(native.getxattr(file, "trusted.a")).toEqual(Buffer.from([0, 1, 2]));
  expect(native.lgetxattr(file, "trusted.empty").length).toBe(0);
  const names = (list: Buffer[]) => list.map(String).filter((name) => name.startsWith("trusted."));
  expect(names(native.llistxattr(file)).sort()).toEqual(["trusted.a", "trusted.empty"]);
  native.lremovexattr(file, "trusted.empty");
  const fd = openSync(file, "r+");
  native.fsetxattr(fd, "trusted.b", Buffer.from("b"), C.XATTR_CREATE);
  expect(native.fgetxattr(fd, "trusted.b").toString()).toBe("b");
  native.fremovexattr(fd, "trusted.b");
  expect(names(native.flistxattr(fd))).toEqual(["trusted.a"]);
  native.removexattr(file, "trusted.a");
  expect(names(native.listxattr(file))).toEqual([]);
  closeSync(fd);
});

describe("mounts", () => {
  test("a tmpfs by mount(2) and away again", async () => {
    native.mkdirat(dir, "mnt", 0o755);
    const target = join(root, "mnt");
    await native.mount("tmpfs", target, "tmpfs", C.MS_NODEV, "size=64k,mode=700");
    try {
      expect((await native.statfs(target)).type).toBe(C.TMPFS_MAGIC);
      const fd = openSync(target, C.O_RDONLY);
      expect(native.fstatfs(fd).blocks * native.fstatfs(fd).bsize).toBe(65536n);
      await native.syncfs(fd);
      closeSync(fd);
    } finally {
      await native.umount2(target, C.MNT_DETACH);
    }
    expect(native.waiting.statfs(target).type).not.toBe(C.TMPFS_MAGIC);
  });

  test("a detached tmpfs by descriptor, read-only by attribute, attached", async () => {
    native.mkdirat(dir, "attached", 0o755);
    const target = join(root, "attached");
    const context = native.fsopen("tmpfs");
    await native.fsconfig(context, C.FSCONFIG_SET_STRING, "size", "1m", 0);
    await native.fsconfig(context, C.FSCONFIG_CMD_CREATE, null, null, 0);
    const mount = native.fsmount(context, 0);
    native.mountSetattr(mount, "", C.AT_EMPTY_PATH, C.MOUNT_ATTR_RDONLY, 0, 0, 0);
    native.moveMount(mount, "", C.AT_FDCWD, target, C.MOVE_MOUNT_F_EMPTY_PATH);
    try {
      expect(thrown(() => native.mkdirat(C.AT_FDCWD, join(target, "x"), 0o700)).code).toBe("EROFS");
      const copy = native.openTree(C.AT_FDCWD, target, C.OPEN_TREE_CLONE);
      expect(fstatSync(copy).isDirectory()).toBe(true);
      closeSync(copy);
    } finally {
      native.waiting.umount2(target, C.MNT_DETACH);
      closeSync(mount);
      closeSync(context);
    }
  });

  test("a blocking call rejects with the same error", async () => {
    const error: unknown = await native.umount2(join(root, "nothing"), 0).catch((reason: unknown) => reason);
    expect(errnoOf(error)).toBe("ENOENT");
    expect(String(error)).toContain(join(root, "nothing"));
  });
});

describe("contents", () => {
  test("holes are punched and found", async () => {
    const file = join(root, "holes");
    writeFileSync(file, Buffer.alloc(65536, 1));
    const fd = openSync(file, "r+");
    await native.fallocate(fd, C.FALLOC_FL_PUNCH_HOLE | C.FALLOC_FL_KEEP_SIZE, 0, 32768);
    expect(native.lseek(fd, 0, C.SEEK_DATA)).toBe(32768);
    await native.syncFileRange(fd, 0, 0, C.SYNC_FILE_RANGE_WRITE);
    closeSync(fd);
  });

  test("copyFileRange copies between offsets", async () => {
    writeFileSync(join(root, "copy-from"), "0123456789");
    writeFileSync(join(root, "copy-to"), "xx");
    const from = openSync(join(root, "copy-from"), "r");
    const to = openSync(join(root, "copy-to"), "r+");
    expect(await native.copyFileRange(from, 3, to, 2, 4)).toBe(4);
    expect(readFileSync(join(root, "copy-to"), "utf8")).toBe("xx3456");
    closeSync(from);
    closeSync(to);
  });

  test("a held lock is not waited for", () => {
    writeFileSync(join(root, "lock"), "");
    const first = openSync(join(root, "lock"), "r");
    const second = openSync(join(root, "lock"), "r");
    native.flock(first, C.LOCK_EX);
    expect(thrown(() => native.flock(second, C.LOCK_EX)).code).toBe("EAGAIN");
    native.flock(first, C.LOCK_UN);
    native.flock(second, C.LOCK_EX);
    closeSync(first);
    closeSync(second);
  });

  test("a sealed memfd cannot be written", () => {
    const fd = native.memfdCreate("berth-test", C.MFD_ALLOW_SEALING);
    native.fcntl(fd, C.F_ADD_SEALS, C.F_SEAL_WRITE | C.F_SEAL_SEAL);
    expect(native.fcntl(fd, C.F_GET_SEALS, 0)).toBe(C.F_SEAL_WRITE | C.F_SEAL_SEAL);
    closeSync(fd);
  });
});

describe("a connection's bytes", () => {
  test("are received to their place, with what has come of those behind them", async () => {
    using ends = await connected(root);
    native.sendAll(ends.one, Buffer.from("0123456789"), 0);
    const into = Buffer.alloc(8, "-");
    const beyond = Buffer.alloc(4, "-");
    expect(native.receive(ends.other, into, 1, 6, beyond, 3, 10_000)).toBe(9);
    expect([into.toString(), beyond.toString()]).toEqual(["-012345-", "678-"]);
    expect(native.receive(ends.other, into, 0, 5, beyond, 0, 0)).toBe(1);
    expect(thrown(() => native.receive(ends.other, into, 0, 5, beyond, 0, 0)).code).toBe("EAGAIN");
    expect(thrown(() => native.receive(ends.other, into, 5, 5, beyond, 0, 0)).code).toBe("EINVAL");
    native.shutdown(ends.one, C.SHUT_RDWR);
    expect(native.receive(ends.other, into, 0, 5, beyond, 0, 10_000)).toBe(0);
  });

  test("are sent from a file, as far as it goes", async () => {
    using ends = await connected(root);
    writeFileSync(join(root, "sent"), "0123456789");
    const file = openSync(join(root, "sent"), "r");
    expect(native.sendFile(ends.one, file, 3, 4)).toBe(4);
    expect(native.sendFile(ends.one, file, 8, 100)).toBe(2);
    const into = Buffer.alloc(6);
    native.receive(ends.other, into, 0, 6, Buffer.alloc(0), 0, 10_000);
    expect(into.toString()).toBe("345689");
    native.shutdown(ends.one, C.SHUT_RDWR);
    // Without a signal that would end the process.
    expect(thrown(() => native.sendFile(ends.one, file, 0, 1)).code).toBe("EPIPE");
    expect(thrown(() => native.sendAll(ends.one, Buffer.from("a"), 0)).code).toBe("EPIPE");
    closeSync(file);
  });
});

describe("processes and namespaces", () => {
  test("a pidfd signals its process and tells its end", async () => {
    const child = spawn("sleep", ["1000"]);
    const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
    const pidfd = native.pidfdOpen(child.pid ?? 0, 0);
    expect(native.pidfdEnded(pidfd)).toBe(false);
    native.kill(child.pid ?? 0, 0);
    native.pidfdSendSignal(pidfd, 15);
    expect(await ended).toBe("SIGTERM");
    expect(native.pidfdEnded(pidfd)).toBe(true);
    closeSync(pidfd);
  });

  test("a descriptor of another process is taken by duplicate", async () => {
    const child = spawn("sh", ["-c", "exec sleep 1000 7</proc/version"], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const pidfd = native.pidfdOpen(child.pid ?? 0, 0);
    // Before the shell runs, the process may have another file there that it inherited.
    const open = () => {
      try {
        return readlinkSync(`/proc/${child.pid}/fd/7`) === "/proc/version";
      } catch {
        return false;
      }
    };
    while (!open()) await new Promise((resolve) => setTimeout(resolve, 5));
    const copy = native.pidfdGetfd(pidfd, 7);
    expect(readFileSync(copy, "utf8")).toStartWith("Linux version");
    closeSync(copy);
    child.kill("SIGKILL");
    await ended;
    expect(() => native.pidfdGetfd(pidfd, 7)).toThrow("ESRCH");
    closeSync(pidfd);
  });

  test("a socket is made and a setting opened in another network namespace, and the thread comes back", async () => {
    const child = spawn("unshare", ["-n", "sh", "-c", "echo ready; exec sleep 1000"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const before = execFileSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" });
    const netns = openSync(`/proc/${child.pid}/ns/net`, "r");
    const sock = native.socketInNetns(netns, C.AF_INET, C.SOCK_DGRAM, 0);
    // A new namespace has loopback down: no route to 127.0.0.1, whereas this one has it.
    const address = Buffer.from([2, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(thrown(() => native.connect(sock, address)).code).toBe("ENETUNREACH");
    expect(execFileSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" })).toBe(before);
    closeSync(sock);
    const setting = native.openInNetns(netns, "/proc/sys/net/ipv4/conf/all/log_martians", C.O_RDWR);
    writeSync(setting, "1");
    closeSync(setting);
    const there = native.openInNetns(netns, "/proc/sys/net/ipv4/conf/all/log_martians", C.O_RDWR);
    const value = Buffer.alloc(8);
    expect(value.toString("latin1", 0, readSync(there, value))).toBe("1\n");
    closeSync(there);
    expect(thrown(() => native.openInNetns(netns, "/proc/sys/net/nosuch", C.O_RDWR)).code).toBe("ENOENT");
    expect(execFileSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" })).toBe(before);
    closeSync(netns);
    child.kill("SIGKILL");
  });

  test("sockets are bound, named, listened on", () => {
    const fd = native.socket(C.AF_INET, C.SOCK_STREAM, 0);
    native.setsockopt(fd, C.SOL_SOCKET, C.SO_REUSEADDR, Buffer.from([1, 0, 0, 0]));
    native.bind(fd, Buffer.from([2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
    native.listen(fd, 1);
    const name = native.getsockname(fd);
    expect([...name.subarray(4, 8)]).toEqual([127, 0, 0, 1]);
    expect(name.readUInt16BE(2)).toBeGreaterThan(0);
    closeSync(fd);
  });

  test("umask is set and told", () => {
    const old = native.umask(0o027);
    expect(native.umask(old)).toBe(0o027);
  });

  test("a thread makes files as somebody else, and may still do everything", () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-ids-"));
    const file = join(folder, "file");
    try {
      native.setFsIds(4242, 4343);
      try {
        writeFileSync(file, "");
      } finally {
        native.setFsIds(0, 0);
      }
      expect([statSync(file).uid, statSync(file).gid]).toEqual([4242, 4343]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
