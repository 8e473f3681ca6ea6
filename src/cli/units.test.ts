import { describe, expect, test } from "bun:test";
import { binarySize, humanDuration, humanSize } from "./units.ts";

describe("sizes", () => {
  const cases: [size: number, precision: number, text: string][] = [
    [0, 4, "0B"],
    [999, 4, "999B"],
    [1000, 4, "1kB"],
    [1983000, 3, "1.98MB"],
    [393_300_000, 4, "393.3MB"],
    [393_300_000, 3, "393MB"],
    [16_810_000, 4, "16.81MB"],
    [2_048, 3, "2.05kB"],
  ];
  for (const [size, precision, text] of cases) test(text, () => expect(humanSize(size, precision)).toBe(text));
  test("in powers of 1024", () => {
    expect(binarySize(732 * 1024)).toBe("732KiB");
    expect(binarySize(25_276_000_000)).toBe("23.54GiB");
  });
});

describe("spans", () => {
  const second = 1000;
  const hour = 3_600_000;
  const cases: [milliseconds: number, text: string][] = [
    [500, "Less than a second"],
    [second, "1 second"],
    [59 * second, "59 seconds"],
    [60 * second, "About a minute"],
    [45 * 60 * second, "45 minutes"],
    [hour, "About an hour"],
    [47 * hour, "47 hours"],
    [48 * hour, "2 days"],
    [15 * 24 * hour, "2 weeks"],
    [100 * 24 * hour, "3 months"],
    [800 * 24 * hour, "2 years"],
  ];
  for (const [milliseconds, text] of cases) test(text, () => expect(humanDuration(milliseconds)).toBe(text));
});
