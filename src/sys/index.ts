export * from "./constants.ts";
export { makeSpreadDirectory, runFileSteps, type FileStep } from "./file-steps.ts";
export { loadNative } from "./native.ts";
export * from "./netlink/index.ts";
export * as nft from "./nftables/index.ts";
export { readFiles } from "./read-files.ts";
export { RepeatedReads } from "./repeated-reads.ts";
export { portOf, socketAddress, unixAddress } from "./sockaddr.ts";
export type * from "./types.ts";
