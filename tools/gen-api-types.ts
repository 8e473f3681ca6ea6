/**
 * Writes src/api/generated/types.ts: one TypeScript type for each definition of the Engine API.
 * Run it with `tools/bun tools/gen-api-types.ts`; `--check` fails when the file is out of date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  allOf?: Schema[];
  "x-nullable"?: boolean;
}

const ROOT = new URL("..", import.meta.url).pathname;
const TARGET = `${ROOT}src/api/generated/types.ts`;

function typeOf(schema: Schema): string {
  const plain = plainTypeOf(schema);
  return schema["x-nullable"] === true ? `${plain} | null` : plain;
}

function plainTypeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.replace("#/definitions/", "");
  if (schema.allOf !== undefined) return schema.allOf.map((part) => `(${typeOf(part)})`).join(" & ");
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "array") return `Array<${schema.items === undefined ? "unknown" : typeOf(schema.items)}>`;
  if (type === "string") return isStringEnum(schema) ? schema.enum.map((v) => JSON.stringify(v)).join(" | ") : "string";
  if (type === "integer" || type === "number") return "number";
  if (type === "boolean") return "boolean";
  if (schema.properties !== undefined) return objectOf(schema);
  if (typeof schema.additionalProperties === "object") return `Record<string, ${typeOf(schema.additionalProperties)}>`;
  if (type === "object") return "Record<string, unknown>";
  return "unknown";
}

function isStringEnum(schema: Schema): schema is Schema & { enum: string[] } {
  return schema.enum !== undefined && schema.enum.every((value) => typeof value === "string");
}

function objectOf(schema: Schema): string {
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties ?? {}).map(
    ([name, value]) => `${JSON.stringify(name)}${required.has(name) ? "" : "?"}: ${typeOf(value)};`,
  );
  return `{ ${members.join("\n")} }`;
}

const swagger = JSON.parse(readFileSync(`${ROOT}test/fixtures/api/swagger.json`, "utf8")) as {
  definitions: Record<string, Schema>;
}; // our own fixture, whose shape the schema tests check
const parts = Object.entries(swagger.definitions).map(([name, schema]) => `export type ${name} = ${typeOf(schema)};`);
const source = `// Written by tools/gen-api-types.ts from test/fixtures/api/swagger.json. Do not edit.\n\n${parts.join("\n\n")}\n`;
const text = await format(source, { ...(await resolveConfig(TARGET)), parser: "typescript" });
if (process.argv.includes("--check")) {
  if (readFileSync(TARGET, "utf8") !== text) {
    console.error("src/api/generated/types.ts is out of date: run tools/bun tools/gen-api-types.ts");
    process.exit(1);
  }
} else writeFileSync(TARGET, text);
