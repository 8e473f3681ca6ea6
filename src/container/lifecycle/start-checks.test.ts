import { expect, test } from "bun:test";
import { mkdtemp, realpath, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../base/index.ts";
import type { MountRecord } from "../record.ts";
import { checkNameservers, checkPropagation } from "./start-checks.ts";

test("name servers are addresses", () => {
  expect(() => checkNameservers(["192.0.2.1", "2001:db8::1"])).not.toThrow();
  expect(() => checkNameservers(["192.0.2.1", "nonsense"])).toThrow(
    'bad nameserver address nonsense: ParseAddr("nonsense"): unable to parse IP',
  );
});

test("a bind is shared or a slave only if its source's mount takes part", async () => {
  const source = await realpath(await mkdtemp(join(tmpdir(), "berth-propagation-")));
  const problem = async (propagation: string, fields: string, dataRoot = "/none"): Promise<string> => {
    const bind = { type: "bind", source, target: "/x", propagation } as MountRecord; // what is looked at
    const mounts = `1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 8:2 / ${source} rw ${fields}- ext4 /dev/sdb rw\n`;
    return await checkPropagation([bind], dataRoot, async () => mounts).then(() => "none", messageOf);
  };
  try {
    const on = `path ${source} is mounted on ${source} but it is not a`;
    expect(await problem("rshared", "shared:5 ")).toBe("none");
    expect(await problem("shared", "master:5 ")).toBe(`${on} shared mount`);
    expect(await problem("rslave", "master:5 ")).toBe("none");
    expect(await problem("slave", "")).toBe(`${on} shared or slave mount`);
    expect(await problem("rprivate", "")).toBe("none");
    expect(await problem("rslave", "", `${source}/data`)).toBe("none");
  } finally {
    await rmdir(source);
  }
});
