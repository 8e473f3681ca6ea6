import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodePlan, MAX_PLAN_BYTES } from "./encode.ts";
import { opName, OPS, type PlanOp } from "./ops.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const header = (count: string) => `42504c4e01000000${count}`;

describe("the plan's encoding", () => {
  test("an empty plan is magic, version and count", () => {
    expect(hex(encodePlan([]))).toBe(header("00000000"));
  });

  test("each kind of argument has its form", () => {
    const plan = encodePlan([
      { op: "umask", mask: 0o22 },
      { op: "chdir", path: "/é" },
      { op: "rlimit", resource: 7, soft: 1024, hard: 0xffff_ffff_ffff_ffffn },
      { op: "oom_score_adj", value: -1, ignore: [13] },
      { op: "seccomp", program: new Uint8Array([1, 2, 3]), flags: 4 },
      { op: "exec", argv: ["a", ""], env: [] },
    ]);
    expect(hex(plan)).toBe(
      header("06000000") +
        "3e00000004000000" +
        "12000000" +
        "4900000008000000" +
        "030000002fc3a900" +
        "3c00000014000000" +
        "07000000" +
        "0004000000000000" +
        "ffffffffffffffff" +
        "3d0000000c000000" +
        "ffffffff" +
        "01000000" +
        "0d000000" +
        "450000000b000000" +
        "03000000010203" +
        "04000000" +
        "4f00000013000000" +
        "02000000" +
        "010000006100" +
        "0000000000" +
        "00000000",
    );
  });

  test("grows beyond its first buffer", () => {
    const data = new Uint8Array(100_000).fill(7);
    const plan = encodePlan([{ op: "write_file", path: "/x", data, flags: 0, ignore: [] }]);
    expect(plan.length).toBe(12 + 8 + (4 + 2 + 1) + (4 + data.length) + 4 + 4);
    expect(plan.subarray(31, 31 + data.length)).toEqual(data);
  });

  test.each<[string, PlanOp]>([
    ["a NUL in a text", { op: "chdir", path: "/a\0b" }],
    ["a number that is too large", { op: "umask", mask: 2 ** 32 }],
    ["a negative unsigned number", { op: "setuid", uid: -1 }],
    ["a fraction", { op: "setuid", uid: 1.5 }],
    ["a negative u64", { op: "bounding", keep: -1n }],
    ["an entry of a list", { op: "setgroups", gids: [0, -1] }],
  ])("refuses %s", (_what, op) => {
    expect(() => encodePlan([op])).toThrow(op.op);
  });

  test("refuses what the shim would not take", () => {
    const data = new Uint8Array(MAX_PLAN_BYTES);
    expect(() => encodePlan([{ op: "write_file", path: "/x", data, flags: 0, ignore: [] }])).toThrow("larger than");
  });
});

describe("the table of operations", () => {
  test("is the interpreter's", () => {
    const source = readFileSync(join(import.meta.dir, "../../../native/shim/ops.h"), "utf8");
    const there = [...source.matchAll(/^\s+OP\((\w+), (\d+)\)/gm)].map(([, name, code]) => [name, Number(code)]);
    expect(there).toEqual(Object.entries(OPS).map(([name, row]) => [name, row.code]));
  });

  test("gives names for codes", () => {
    expect(opName(OPS.exec.code)).toBe("exec");
    expect(opName(9999)).toBeUndefined();
  });
});
