import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRemapping } from "./userns-remap.ts";

let etc: string;
beforeAll(async () => {
  etc = await mkdtemp(join(tmpdir(), "berth-remap-"));
  const files = {
    passwd: "root:x:0:0::/root:/bin/sh\nmapped:x:4242:4242::/:/bin/false\ndockremap:x:500:500::/:/bin/false\n",
    group: "mapped:x:4242:\n",
    subuid: "# a comment\nother:1:1\nmapped:300000:100\n4242:200000:50\ndockremap:400000:65536\n4300:1000:10\n",
    subgid: "mapped:500000:65536\ndockremap:600000:65536\n4300:x:10\n",
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(etc, name), text)));
});
afterAll(() => rm(etc, { recursive: true, force: true }));

test("all ranges of a user, by name and by number, follow each other", async () => {
  const expected = {
    uids: [
      { containerID: 0, hostID: 200000, size: 50 },
      { containerID: 50, hostID: 300000, size: 100 },
    ],
    gids: [{ containerID: 0, hostID: 500000, size: 65536 }],
  };
  for (const text of ["mapped", "4242", "mapped:mapped", "4242:4242", "mapped:77"]) {
    expect(await readRemapping(text, etc)).toEqual(expected);
  }
});

test("default is dockremap", async () => {
  expect((await readRemapping("default", etc))?.uids).toEqual([{ containerID: 0, hostID: 400000, size: 65536 }]);
});

test("root is not mapped to itself", async () => {
  expect(await readRemapping("root", etc)).toBeUndefined();
  expect(await readRemapping("0:0", etc)).toBeUndefined();
});

const REFUSALS: Array<[string, string]> = [
  ["nobody", '/etc/passwd has no user "nobody"'],
  ["mapped:nobody", '/etc/group has no group "nobody"'],
  ["9999", 'subuid has no range for "9999"'],
  ["4300", 'subgid has no range for "4300"'],
];
for (const [text, reason] of REFUSALS) {
  test(`${text} is refused: ${reason}`, () => expect(readRemapping(text, etc)).rejects.toThrow(reason));
}
