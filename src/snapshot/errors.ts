import { conflict, notFound, notImplemented } from "../base/index.ts";

export const noSnapshot = (name: string) => notFound(`snapshot ${name} does not exist`);
export const snapshotExists = (name: string) => conflict(`snapshot ${name} exists already`);
export const parentNotCommitted = (name: string) =>
  conflict(`snapshot ${name} is not committed, so it cannot be a parent`);
export const hasParent = (name: string, parent: string) =>
  conflict(`snapshot ${name} stands on ${parent}: it cannot be given another parent`);
export const notActive = (name: string) => conflict(`snapshot ${name} is committed: it cannot be written to`);
export const hasChildren = (name: string, child: string) =>
  conflict(`snapshot ${name} is in use as the parent of ${child}`);
export const driverUnusable = (driver: string, why: string) =>
  notImplemented(`storage driver ${driver} cannot be used here: ${why}`);
