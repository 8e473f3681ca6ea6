import type { Operation } from "../operation.ts";
import { containerOperations } from "./containers.ts";
import { execOperations } from "./exec.ts";
import { imageOperations } from "./images.ts";
import { networkOperations } from "./networks.ts";
import { systemOperations } from "./system.ts";
import { volumeOperations } from "./volumes.ts";

/** Every operation that berth serves. What it does not serve yet stands in `pending`. */
export const operations = {
  ...systemOperations,
  ...containerOperations,
  ...execOperations,
  ...imageOperations,
  ...volumeOperations,
  ...networkOperations,
};

export type Operations = typeof operations;
export type OperationName = keyof Operations;

/** The rows with their names, for what walks over all of them. */
export const operationList: ReadonlyArray<readonly [OperationName, Operation]> = (
  Object.keys(operations) as OperationName[]
) // the keys of our own table
  .map((name) => [name, operations[name]]);
