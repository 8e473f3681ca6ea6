import { constants } from "node:os";
import type { PlanOp } from "../plan/index.ts";
import type { ResourceWrite } from "./types.ts";

const encoder = new TextEncoder();

/** The write as an operation of a plan. */
export function writeOp({ path, value, ignore = [] }: ResourceWrite): PlanOp {
  return { op: "write_file", path, data: encoder.encode(value), flags: 0, ignore: ignore.map(errnoNumber) };
}

function errnoNumber(name: string): number {
  const table: Record<string, number> = constants.errno;
  return table[name] ?? 0;
}
