import { expect, test } from "bun:test";
import { committedConfig } from "./committed-config.ts";

type Argv = string[] | undefined;
const cases: Array<[entry: Argv, command: Argv, changes: string[], toEntry: Argv, to: Argv]> = [
  [["e"], ["c"], ["ENTRYPOINT []"], ["e"], ["c"]],
  [["e"], ["c"], ["ENTRYPOINT []", 'CMD ["d"]'], ["e"], ["d"]],
  [["e"], ["c"], ["CMD []"], ["e"], undefined],
  [["e"], ["c"], ['ENTRYPOINT ["f"]'], ["f"], undefined],
  [undefined, ["c"], ["CMD []"], undefined, ["c"]],
  [undefined, ["c"], ["ENTRYPOINT []"], undefined, ["c"]],
  [undefined, ["c"], [], undefined, ["c"]],
  [undefined, undefined, [], undefined, undefined],
];

test.each(cases)(
  "of the entry point %j and command %j the changes %j leave %j %j",
  (entry, command, changes, toEntry, to) => {
    const container = {
      Image: "x",
      ...(entry && { Entrypoint: entry }),
      ...(command && { Cmd: command }),
    };
    const { Entrypoint, Cmd } = committedConfig(container, { changes, config: undefined });
    expect([Entrypoint, Cmd ?? undefined]).toEqual([toEntry, to]);
  },
);
