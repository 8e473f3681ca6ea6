import { expect, test } from "bun:test";
import { alignColumns } from "./table-writer.ts";

test("columns are three apart and at least ten wide", () => {
  expect(alignColumns("ID\tNAME\tX\nabcdefghij\tb\ty\n")).toBe("ID           NAME      X\nabcdefghij   b         y\n");
});

test("what follows the last tab is not padded", () => {
  expect(alignColumns("A\tB\nC\t\n")).toBe("A         B\nC         \n");
});

test("a line without the cell parts two blocks", () => {
  expect(alignColumns("a\tb\nplain\nlonger than ten\tb\n")).toBe("a         b\nplain\nlonger than ten   b\n");
});

test("characters count, not bytes", () => {
  expect(alignColumns("ééééééééé\tx\n")).toBe("ééééééééé   x\n");
});
