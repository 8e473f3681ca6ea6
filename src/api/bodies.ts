import type { EngineError } from "../base/index.ts";
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

/** What Docker's errors call the shapes. */
const GO_NAMES: Readonly<Record<string, string>> = {
  ContainerCreateBody: "container.CreateRequest",
  ContainerUpdateBody: "container.UpdateConfig",
  ExecCreateBody: "container.ExecOptions",
  ExecStartBody: "container.ExecStartOptions",
  NetworkCreateBody: "network.CreateRequest",
  NetworkConnectRequest: "network.ConnectOptions",
  NetworkDisconnectRequest: "network.DisconnectOptions",
  VolumeCreateRequest: "volume.CreateOptions",
  AuthConfig: "registry.AuthConfig",
  CommitBody: "container.CreateRequest",
  HealthConfig: "v1.HealthcheckConfig",
  HostConfig: "container.HostConfig",
  HostConfigLogConfig: "container.LogConfig",
  NetworkCreateBodyIPAM: "network.IPAM",
  IPAM: "network.IPAM",
  NetworkingConfig: "network.NetworkingConfig",
  RestartPolicy: "container.RestartPolicy",
};

/** Bodies that Docker puts together from other shapes, whose own name then does not stand in its errors. */
const COMPOSED: readonly BodyName[] = ["ContainerCreateBody", "ContainerUpdateBody", "CommitBody"];

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
  const checker = new Checker(COMPOSED.includes(name) ? "" : goType(name).replace(/^.*\./, ""));
  return { value: value === null ? {} : checker.struct(name, value, ""), unknown: checker.unknown };
}

/** What a member is that is given twice, in two spellings: Go's decoder adds to a map or struct, and replaces anything else. */
function together(type: string, before: unknown, value: unknown): unknown {
  const adds = type.startsWith("map[") || type === "object" || Object.hasOwn(shapes, type);
  return adds && before !== undefined ? { ...(before as object), ...(value as object) } : value; // of such a type both are objects
}

/** Walks a value along its shape. */
class Checker {
  readonly unknown: string[] = [];
  /** What stands before the paths in errors. */
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  struct(shapeName: string, value: unknown, path: string): Record<string, unknown> {
    const shape = shapes[shapeName] ?? {};
    const result: Record<string, unknown> = {};
    for (const [given, member] of Object.entries(this.#members(value, path, shapeName))) {
      const name = Object.hasOwn(shape, given) ? given : nameInAnyCase(shape, given);
      const type = name === undefined ? undefined : shape[name];
      if (name === undefined || type === undefined) this.unknown.push(join(path, given));
      else if (member === null) {
        // What Go does not keep by reference stays as it was given before, in another spelling.
        if (BY_REFERENCE.has(name) || !BY_VALUE.includes(type)) delete result[name];
      } else result[name] = together(type, result[name], this.#convert(type, member, join(path, name)));
    }
    return result;
  }

  #convert(type: string, value: unknown, path: string): unknown {
    if (type.startsWith("[]")) return this.#list(type, value, path);
    if (type.startsWith("map[string]")) return this.#map(type, value, path);
    switch (type) {
      case "any":
        return value;
      case "object":
        return this.#members(value, path, type);
      case "strslice":
        return typeof value === "string" ? [value] : this.#list("[]string", value, path);
      case "string":
      case "bool":
      case "int64":
      case "uint64":
      case "uint32":
      case "uint16":
      case "float64":
        if (!isOf(type, value)) throw this.#wrong(path, value, type);
        return value;
      default:
        return this.struct(type, value, path);
    }
  }

  #list(type: string, value: unknown, path: string): unknown[] {
    if (!Array.isArray(value)) throw this.#wrong(path, value, type);
    const of = type.slice(2);
    return value.map((item: unknown, index) =>
      item === null ? zeroOf(of) : this.#convert(of, item, join(path, String(index))),
    );
  }

  #map(type: string, value: unknown, path: string): Record<string, unknown> {
    const of = type.slice("map[string]".length);
    const result: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(this.#members(value, path, type))) {
      const converted = item === null ? zeroOf(of) : this.#convert(of, item, join(path, pointerStep(key)));
      // defineProperty: a key named __proto__ is a key like any other.
      Object.defineProperty(result, key, { value: converted, enumerable: true, writable: true, configurable: true });
    }
    return result;
  }

  #members(value: unknown, path: string, type: string): Record<string, unknown> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.#wrong(path, value, type);
    return value as Record<string, unknown>; // an object that is no array
  }

  #wrong(path: string, value: unknown, type: string): EngineError {
    return wrongType(path === "" ? "" : `${this.#root}.${path}`, goNameOf(value, type), goType(type));
  }
}

/** The least number that is too large for each unsigned type. */
const UNSIGNED: Readonly<Record<string, number>> = { uint64: 2 ** 64, uint32: 2 ** 32, uint16: 2 ** 16 };
const NUMBERS: readonly string[] = ["int64", "float64", ...Object.keys(UNSIGNED)];
/** Types that are kept by value, and members of such a type that are not. */
const BY_VALUE: readonly string[] = ["string", "bool", ...NUMBERS, "RestartPolicy", "HostConfigLogConfig"];
const BY_REFERENCE: ReadonlySet<string> = new Set([
  "Init",
  "MemorySwappiness",
  "OomKillDisable",
  "PidsLimit",
  "StopTimeout",
]);

/** Go's zero value, which null leaves in a list or map. */
function zeroOf(type: string): unknown {
  if (type === "string") return "";
  if (type === "bool") return false;
  if (NUMBERS.includes(type)) return 0;
  if (type === "any" || type.startsWith("[]")) return null;
  return {};
}

function isOf(type: string, value: unknown): boolean {
  if (type === "string") return typeof value === "string";
  if (type === "bool") return typeof value === "boolean";
  if (typeof value !== "number" || type === "float64") return typeof value === "number";
  const end = UNSIGNED[type];
  return end === undefined ? isInt64(value) : Number.isInteger(value) && value >= 0 && value < end;
}

function isInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
}

function goType(type: string): string {
  return GO_NAMES[type] ?? type.replace("object", "struct {}");
}

/** A number that is none of its type is said; one where no number stands is not. */
function goNameOf(value: unknown, type: string): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return NUMBERS.includes(type) || !isInt64(value) ? `number ${value}` : "number";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

/** RFC 6901 §3, in which Go names members. */
function pointerStep(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function nameInAnyCase(shape: Readonly<Record<string, string>>, given: string): string | undefined {
  const wanted = given.toLowerCase();
  return Object.keys(shape).find((name) => name.toLowerCase() === wanted);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
