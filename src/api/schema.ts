/** The part of a Swagger 2.0 document that describes bodies. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly "x-nullable"?: boolean;
}

export interface ApiDocument {
  readonly definitions: Readonly<Record<string, Schema>>;
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { responses?: Readonly<Record<string, { schema?: Schema }>> }>>>
  >;
}

/** Enough to see what is wrong; a broken list of thousands would only repeat itself. */
const MAX_PROBLEMS = 20;

/**
 * What about a value contradicts a schema: wrong types, missing members, values outside of an enumeration. Members that are
 * not declared contradict nothing: the document describes a newer version than is spoken, which lost some.
 * Null passes for lists and maps, which the engine that the document describes also gives where it does not say so.
 */
export function schemaProblems(document: ApiDocument, schema: Schema, value: unknown): readonly string[] {
  const problems: string[] = [];
  check(document, schema, value, "", problems);
  return problems;
}

function check(document: ApiDocument, given: Schema, value: unknown, path: string, problems: string[]): void {
  if (problems.length >= MAX_PROBLEMS) return;
  const schema = flatten(document, given);
  if (value === undefined) return;
  if (value === null) {
    if (!isNullable(document, given)) problems.push(`${path}: null`);
    return;
  }
  const type = typeof schema.type === "string" ? schema.type : schema.type?.[0];
  if (type === "array") return checkList(document, schema, value, path, problems);
  if (type === "object" || schema.properties !== undefined) return checkObject(document, schema, value, path, problems);
  if (type !== undefined && !isOfType(type, value)) problems.push(`${path}: ${typeof value} where ${type} is declared`);
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    problems.push(`${path}: ${JSON.stringify(value)} is none of the declared values`);
  }
}

function checkList(document: ApiDocument, schema: Schema, value: unknown, path: string, problems: string[]): void {
  if (!Array.isArray(value)) {
    problems.push(`${path}: ${typeof value} where array is declared`);
    return;
  }
  if (schema.items === undefined) return;
  for (const [index, item] of value.entries()) check(document, schema.items, item, `${path}[${index}]`, problems);
}

function checkObject(document: ApiDocument, schema: Schema, value: unknown, path: string, problems: string[]): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.push(`${path}: ${Array.isArray(value) ? "array" : typeof value} where object is declared`);
    return;
  }
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) problems.push(`${path}.${name}: missing`);
  }
  for (const [name, member] of Object.entries(value)) {
    const declared = schema.properties?.[name];
    if (declared !== undefined) check(document, declared, member, `${path}.${name}`, problems);
    else if (typeof schema.additionalProperties === "object") {
      check(document, schema.additionalProperties, member, `${path}.${name}`, problems);
    }
  }
}

function isOfType(type: string, value: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "number" || type === "string" || type === "boolean") return typeof value === type;
  return true;
}

function isNullable(document: ApiDocument, schema: Schema): boolean {
  if (schema["x-nullable"] === true) return true;
  const flat = flatten(document, schema);
  return flat["x-nullable"] === true || flat.type === "array" || flat.additionalProperties !== undefined;
}

/** A schema with its reference followed and its parts joined. */
function flatten(document: ApiDocument, schema: Schema): Schema {
  if (schema.$ref !== undefined) {
    const found = document.definitions[schema.$ref.replace("#/definitions/", "")];
    return found === undefined ? {} : flatten(document, found);
  }
  if (schema.allOf === undefined) return schema;
  const { allOf, ...own } = schema;
  const parts = [...allOf, own].map((part) => flatten(document, part));
  // A part may be a plain type, such as a named enumeration: the whole is no object then.
  const hasMembers = parts.some((part) => part.properties !== undefined);
  return {
    ...Object.assign({}, ...parts),
    ...(hasMembers ? { properties: Object.assign({}, ...parts.map((part) => part.properties ?? {})) } : {}),
    required: parts.flatMap((part) => part.required ?? []),
  };
}
