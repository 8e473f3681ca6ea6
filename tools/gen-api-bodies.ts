/**
 * Writes src/api/generated/bodies.ts: the members of every request body of the Engine API with their types in Go's notation,
 * from which bodies are checked. Run it with `tools/bun tools/gen-api-bodies.ts`; `--check` fails when the file is out of date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";

interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  allOf?: Schema[];
}

interface Parameter {
  in: string;
  schema?: Schema;
}

interface Document {
  definitions: Record<string, Schema>;
  paths: Record<string, Record<string, { parameters?: Parameter[] }>>;
}

const ROOT = new URL("..", import.meta.url).pathname;
const TARGET = `${ROOT}src/api/generated/bodies.ts`;

/** The bodies, by the name that the operation table gives them. */
const BODIES: Record<string, string> = {
  ContainerCreateBody: "POST /containers/create",
  ContainerUpdateBody: "POST /containers/{id}/update",
  ExecCreateBody: "POST /containers/{id}/exec",
  ExecStartBody: "POST /exec/{id}/start",
  NetworkCreateBody: "POST /networks/create",
  NetworkConnectRequest: "POST /networks/{id}/connect",
  NetworkDisconnectRequest: "POST /networks/{id}/disconnect",
  VolumeCreateRequest: "POST /volumes/create",
  AuthConfig: "POST /auth",
  CommitBody: "POST /commit",
};

/** What older clients send and the document no longer lists, lists that may also be one string, and bounds of numbers. */
const AMENDMENTS: Record<string, Record<string, string>> = {
  ContainerCreateBody: { MacAddress: "string", Cmd: "strslice", Entrypoint: "strslice", Shell: "strslice" },
  CommitBody: { MacAddress: "string", Cmd: "strslice", Entrypoint: "strslice", Shell: "strslice" },
  HostConfig: {
    KernelMemory: "int64",
    KernelMemoryTCP: "int64",
    CapAdd: "strslice",
    CapDrop: "strslice",
    BlkioWeight: "uint16",
    IOMaximumIOps: "uint64",
    IOMaximumBandwidth: "uint64",
    ConsoleSize: "[]uint64",
  },
  HostConfigBlkioWeightDeviceItem: { Weight: "uint16" },
  ContainerUpdateBodyBlkioWeightDeviceItem: { Weight: "uint16" },
  ThrottleDevice: { Rate: "uint64" },
  ContainerUpdateBody: {
    KernelMemory: "int64",
    KernelMemoryTCP: "int64",
    BlkioWeight: "uint16",
    IOMaximumIOps: "uint64",
    IOMaximumBandwidth: "uint64",
    Init: "any",
  },
  MountTmpfsOptions: { Mode: "uint32" },
  ExecCreateBody: { Detach: "bool" },
  NetworkCreateBody: { CheckDuplicate: "bool" },
  Mount: { Type: "string" },
  AuthConfig: { auth: "string", email: "string", identitytoken: "string", registrytoken: "string" },
};

const swagger = JSON.parse(readFileSync(`${ROOT}test/fixtures/api/swagger.json`, "utf8")) as Document; // our own fixture
const shapes = new Map<string, Record<string, string>>();

function membersOf(schema: Schema): Record<string, Schema> {
  if (schema.$ref !== undefined) return membersOf(definition(schema.$ref));
  const parts = (schema.allOf ?? []).map(membersOf);
  return Object.assign({}, ...parts, schema.properties ?? {});
}

function definition(ref: string): Schema {
  const found = swagger.definitions[ref.replace("#/definitions/", "")];
  if (found === undefined) throw new Error(`no definition ${ref}`);
  return found;
}

/** The type in Go's notation; a shape with members is written down under its name on the way. */
function typeOf(schema: Schema, name: string): string {
  if (schema.$ref !== undefined) return typeOf(definition(schema.$ref), schema.$ref.replace("#/definitions/", ""));
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "array") return `[]${schema.items === undefined ? "any" : typeOf(schema.items, `${name}Item`)}`;
  if (type === "integer") return "int64";
  if (type === "number") return "float64";
  if (type === "boolean") return "bool";
  if (type === "string") return "string";
  if (Object.keys(membersOf(schema)).length > 0) return shape(schema, name);
  if (typeof schema.additionalProperties === "object")
    return `map[string]${typeOf(schema.additionalProperties, `${name}Item`)}`;
  return type === "object" ? "object" : "any";
}

function shape(schema: Schema, name: string): string {
  if (shapes.has(name)) return name;
  const members: Record<string, string> = {};
  shapes.set(name, members);
  for (const [member, of] of Object.entries(membersOf(schema))) members[member] = typeOf(of, `${name}${member}`);
  Object.assign(members, AMENDMENTS[name]);
  return name;
}

for (const [name, operation] of Object.entries(BODIES)) {
  const [method = "", path = ""] = operation.split(" ");
  const schema = swagger.paths[path]?.[method.toLowerCase()]?.parameters?.find((one) => one.in === "body")?.schema;
  if (schema === undefined) throw new Error(`${operation} has no body`);
  shape(schema, name);
}

const source = `// Written by tools/gen-api-bodies.ts from test/fixtures/api/swagger.json. Do not edit.

/** Members of each shape, with types in Go's notation; \`strslice\` is a list of strings or one string. */
export const shapes: Readonly<Record<string, Readonly<Record<string, string>>>> = ${JSON.stringify(Object.fromEntries(shapes))};
`;
const text = await format(source, { ...(await resolveConfig(TARGET)), parser: "typescript" });
if (process.argv.includes("--check")) {
  if (readFileSync(TARGET, "utf8") !== text) {
    console.error("src/api/generated/bodies.ts is out of date: run tools/bun tools/gen-api-bodies.ts");
    process.exit(1);
  }
} else writeFileSync(TARGET, text);
