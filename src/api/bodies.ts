import type { ContainerCreateBody, ContainerUpdateBody, ExecCreateBody, NetworkCreateBody } from "./backends/index.ts";
import { shapes } from "./generated/bodies.ts";
import type {
  AuthConfig,
  ContainerConfig,
  NetworkConnectRequest,
  NetworkDisconnectRequest,
  VolumeCreateRequest,
} from "./generated/types.ts";
import { wrongType } from "./errors.ts";
import { parseJson } from "./json.ts";

export interface ExecStartBody {
  Detach?: boolean;
  Tty?: boolean;
  ConsoleSize?: number[] | null;
}

/** The type of each request body. */
export interface BodyTypes {
  /** With a member that older clients send and the document has no more. */
  ContainerCreateBody: ContainerCreateBody & { MacAddress?: string };
  ContainerUpdateBody: ContainerUpdateBody;
  ExecCreateBody: ExecCreateBody;
  ExecStartBody: ExecStartBody;
  NetworkCreateBody: Partial<NetworkCreateBody>;
  NetworkConnectRequest: Partial<NetworkConnectRequest>;
  NetworkDisconnectRequest: Partial<NetworkDisconnectRequest>;
  VolumeCreateRequest: VolumeCreateRequest;
  AuthConfig: AuthConfig;
  CommitBody: ContainerConfig;
}

export type BodyName = keyof BodyTypes;

export interface CheckedBody<N extends BodyName> {
  readonly value: BodyTypes[N];
  /** Members that nobody reads, by path, such as `HostConfig.Foo`. */
  readonly unknown: readonly string[];
}

/**
 * Reads a JSON body as Docker's decoder does: member names in any case, null as absent, single strings where a command list
 * is wanted; every member has its declared type afterwards.
 * @throws invalid with Go's texts for bad JSON, for what comes after it, and for members of a wrong type.
 */
export function readBody<N extends BodyName>(name: N, text: string): CheckedBody<N> {
  return checkBody(name, parseJson(text));
}

/** The same for a value that is parsed already. */
export function checkBody<N extends BodyName>(name: N, value: unknown): CheckedBody<N> {
  const unknown: string[] = [];
  const checked = value === null ? {} : structOf(name, value, "", unknown);
  return { value: checked, unknown };
}

function structOf(shapeName: string, value: unknown, path: string, unknown: string[]): Record<string, unknown> {
  const shape = shapes[shapeName] ?? {};
  const members = membersOf(value, path, shapeName);
  const result: Record<string, unknown> = {};
  for (const [given, member] of Object.entries(members)) {
    const name = given in shape ? given : nameInAnyCase(shape, given);
    const type = name === undefined ? undefined : shape[name];
    if (name === undefined || type === undefined) unknown.push(join(path, given));
    else if (member !== null) result[name] = convert(type, member, join(path, name), unknown);
  }
  return result;
}

function convert(type: string, value: unknown, path: string, unknown: string[]): unknown {
  if (type.startsWith("[]")) return listOf(type, value, path, unknown);
  if (type.startsWith("map[string]")) return mapOf(type, value, path, unknown);
  switch (type) {
    case "any":
      return value;
    case "object":
      return membersOf(value, path, "struct {}");
    case "strslice":
      return typeof value === "string" ? [value] : listOf("[]string", value, path, unknown);
    case "string":
    case "bool":
    case "int64":
    case "float64":
      if (!isOf(type, value)) throw wrongType(`.${path}`, goNameOf(value), type);
      return value;
    default:
      return structOf(type, value, path, unknown);
  }
}

function listOf(type: string, value: unknown, path: string, unknown: string[]): unknown[] {
  if (!Array.isArray(value)) throw wrongType(`.${path}`, goNameOf(value), goType(type));
  const of = type.slice(2);
  return value.map((item: unknown, index) =>
    item === null ? zeroOf(of) : convert(of, item, join(path, String(index)), unknown),
  );
}

function mapOf(type: string, value: unknown, path: string, unknown: string[]): Record<string, unknown> {
  const of = type.slice("map[string]".length);
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(membersOf(value, path, goType(type)))) {
    // defineProperty: a key named __proto__ is a key like any other.
    const converted = item === null ? zeroOf(of) : convert(of, item, join(path, pointerStep(key)), unknown);
    Object.defineProperty(result, key, { value: converted, enumerable: true, writable: true, configurable: true });
  }
  return result;
}

function membersOf(value: unknown, path: string, type: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrongType(path === "" ? "" : `.${path}`, goNameOf(value), type);
  }
  return value as Record<string, unknown>; // an object that is no array
}

/** Go's zero value, which null leaves in a list or map. */
function zeroOf(type: string): unknown {
  if (type === "string") return "";
  if (type === "bool") return false;
  if (type === "int64" || type === "float64") return 0;
  if (type === "any" || type.startsWith("[]")) return null;
  return {};
}

function isOf(type: string, value: unknown): boolean {
  if (type === "string") return typeof value === "string";
  if (type === "bool") return typeof value === "boolean";
  return typeof value === "number" && (type === "float64" || Number.isInteger(value));
}

/** RFC 6901 §3, in which Go names members. */
function pointerStep(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function goType(type: string): string {
  return type.replace("object", "struct {}");
}

function goNameOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "number" : `number ${value}`;
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

function nameInAnyCase(shape: Readonly<Record<string, string>>, given: string): string | undefined {
  const wanted = given.toLowerCase();
  return Object.keys(shape).find((name) => name.toLowerCase() === wanted);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
