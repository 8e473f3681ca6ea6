import { isDigest, messageOf, sha256, type Digest } from "../base/index.ts";
import { parseJson as parseApiJson } from "../api/index.ts";
import type { ImageConfig } from "../spec/index.ts";
import { badDocument, noRootfs, tooManyLayers } from "./errors.ts";

/** What an overlay mount can stack, less the container's own layers (Docker's limit). */
export const MAX_LAYERS = 125;
/** Manifests, indexes and configs beyond this are refused unread. */
export const MAX_DOCUMENT = 8 * 1024 * 1024;

/** A config with the bytes that its digest is of. */
export interface StoredConfig {
  id: Digest;
  bytes: Uint8Array;
  config: ImageConfig;
}

/** JSON text as an object. @throws invalid with the document's name. */
export function parseJsonObject(name: string, bytes: Uint8Array): Record<string, unknown> {
  const value = parseJson(name, bytes);
  if (!isRecord(value)) throw badDocument(name, "it is not a JSON object");
  return value;
}

/** @throws invalid with the document's name. */
export function parseJson(name: string, bytes: Uint8Array): unknown {
  try {
    return parseApiJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw badDocument(name, messageOf(error).replace(/^invalid JSON: /, ""));
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads an image config and checks what the engine relies on: types of the keys that are used, digests of layers.
 * @throws invalid.
 */
export function parseConfig(bytes: Uint8Array): StoredConfig {
  const json = parseJsonObject("image config", bytes);
  checkRootfs(json["rootfs"]);
  for (const key of ["architecture", "os", "created", "author", "variant", "os.version"]) {
    checkOptional(json, key, (value) => typeof value === "string", "a string");
  }
  if (typeof json["created"] === "string" && json["created"] !== "" && Number.isNaN(Date.parse(json["created"]))) {
    throw badDocument("image config", "created is not a time");
  }
  checkOptional(json, "history", isHistory, "a list of objects");
  checkOptional(json, "config", isRunConfig, "a container config");
  // Checked above, key by key.
  const config = { architecture: "", os: "linux", ...json } as ImageConfig & Record<string, unknown>;
  if (config.history === null) delete config.history;
  if (config.config === null) delete config.config;
  return { id: sha256(bytes), bytes, config };
}

/** The bytes of a config that the engine makes itself. */
export function encodeConfig(config: ImageConfig): StoredConfig {
  const bytes = new TextEncoder().encode(JSON.stringify(config));
  return { id: sha256(bytes), bytes, config };
}

function checkRootfs(rootfs: unknown): void {
  if (!isRecord(rootfs)) throw noRootfs();
  const list = rootfs["diff_ids"] ?? [];
  if (!Array.isArray(list) || !list.every((item) => typeof item === "string" && isDigest(item))) {
    throw badDocument("image config", "rootfs.diff_ids is not a list of digests");
  }
  if (list.length > MAX_LAYERS) throw tooManyLayers();
  rootfs["diff_ids"] = list;
}

function checkOptional(
  json: Record<string, unknown>,
  key: string,
  accepts: (value: unknown) => boolean,
  what: string,
): void {
  const value = json[key];
  if (value === null) delete json[key];
  else if (value !== undefined && !accepts(value)) throw badDocument("image config", `${key} is not ${what}`);
}

function isHistory(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (entry) =>
        isRecord(entry) &&
        ["created", "created_by", "author", "comment"].every((key) => isTextOrAbsent(entry[key])) &&
        (entry["empty_layer"] === undefined || typeof entry["empty_layer"] === "boolean"),
    )
  );
}

function isRunConfig(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const texts = ["User", "WorkingDir", "StopSignal"].every((key) => isTextOrAbsent(value[key]));
  const lists = ["Env", "Cmd", "Entrypoint", "OnBuild", "Shell"].every((key) => isListOrAbsent(value[key]));
  const maps = ["ExposedPorts", "Volumes", "Labels"].every((key) => isMapOrAbsent(value[key]));
  const labels = value["Labels"] ?? {};
  return texts && lists && maps && Object.values(labels).every((label) => typeof label === "string");
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "string";
}

function isListOrAbsent(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.every((v) => typeof v === "string"));
}

function isMapOrAbsent(value: unknown): boolean {
  return value === undefined || value === null || isRecord(value);
}
