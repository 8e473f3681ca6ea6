import { CliError, messageOf } from "./errors.ts";
import type { CompiledTemplate, Struct as StructClass } from "../template/index.ts";
import type { Io } from "./io.ts";
import { alignColumns } from "./table-writer.ts";

/** How rows of one kind are shown: what `--format` can name, and the table without it. */
export interface View<Row> {
  /** The Go type that Docker's error texts name. */
  type: string;
  /** Fields by name, with the heading in tables. */
  fields: Readonly<Record<string, ViewField<Row>>>;
  /** The columns of the plain table, by field name. */
  columns: readonly string[];
  /** The template behind `--format raw`, where there is one. */
  raw?: string;
  /** What `Label "x"` looks into. */
  labels?: (row: Row) => Readonly<Record<string, string>> | undefined | null;
}

export interface ViewField<Row> {
  header?: string;
  value: (row: Row) => unknown;
  /** Kept out of `{{json .}}`. */
  hiddenInJson?: boolean;
  /** What `{{json .}}` shows, where that is another text. */
  inJson?: (row: Row) => unknown;
}

export interface FormatOptions {
  /** `--format`; "" and `table` are the plain table. */
  format: string;
  quiet?: boolean;
  /** The field that `--quiet` prints. */
  quietField?: string;
}

/** Prints rows as `--format` and `--quiet` say. @throws CliError with Docker's text for a bad template. */
export async function printRows<Row>(
  io: Io,
  view: View<Row>,
  rows: readonly Row[],
  options: FormatOptions,
): Promise<void> {
  if (options.quiet === true) {
    const field = view.fields[options.quietField ?? "ID"];
    for (const row of rows) io.out(`${cellText(field?.value(row))}\n`);
    return;
  }
  const format = options.format.trim();
  if (format === "" || format === "table") {
    const fields = view.columns.flatMap((name) => view.fields[name] ?? []);
    const lines = [
      fields.map((field) => field.header ?? ""),
      ...rows.map((row) => fields.map((field) => cellText(field.value(row)))),
    ];
    io.out(alignColumns(`${lines.map((cells) => cells.join("\t")).join("\n")}\n`));
    return;
  }
  if (format === "json") {
    for (const row of rows) io.out(`${rowJson(view, row)}\n`);
    return;
  }
  await printTemplate(io, view, rows, format === "raw" && view.raw !== undefined ? view.raw : options.format);
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

async function printTemplate<Row>(io: Io, view: View<Row>, rows: readonly Row[], format: string): Promise<void> {
  const { Struct, TemplateError } = await import("../template/index.ts");
  const isTable = format.startsWith("table");
  const source = (isTable ? format.slice("table".length).trim() : format)
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n");
  const template = await compile(source, "template parsing error");
  const dataOf = (row: Row) => templateData(Struct, view, row);
  const lines: string[] = [];
  try {
    for (const row of rows) lines.push(template.execute(dataOf(row)));
  } catch (error) {
    if (error instanceof TemplateError) throw new CliError(`template parsing error: ${error.message}`);
    throw error;
  }
  if (!isTable) {
    for (const line of lines) io.out(`${line}\n`);
    return;
  }
  const header = await headerLine(view, source);
  io.out(alignColumns(`${[header, ...lines].join("\n")}\n`));
}

/** @param failure Docker has two ways to say that a template cannot be read. */
async function compile(
  source: string,
  failure: "template parsing error" | "failed to parse template",
): Promise<CompiledTemplate> {
  const { compileTemplate } = await import("../template/index.ts");
  try {
    return compileTemplate(source);
  } catch (error) {
    throw new CliError(`${failure}: ${messageOf(error)}`);
  }
}

/**
 * Prints one object as a template has it, without a line's end of its own. @throws CliError with Docker's text.
 * @param lists of rows, by the names that the template knows them by.
 */
export async function printObject(
  io: Io,
  type: string,
  lists: Readonly<Record<string, RowList>>,
  format: string,
): Promise<void> {
  const { Struct, TemplateError } = await import("../template/index.ts");
  const members = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list(Struct)]));
  const template = await compile(
    (format === "json" ? "{{json .}}" : format).replaceAll("\\t", "\t").replaceAll("\\n", "\n"),
    "template parsing error",
  );
  try {
    io.out(template.execute(new Struct(type, members, undefined, true)));
  } catch (error) {
    if (error instanceof TemplateError) throw new CliError(error.message, 1, { stdout: error.written });
    throw error;
  }
}

export type RowList = (Struct: typeof StructClass) => readonly StructClass[];

/** Rows of one kind in an object that a template sees. */
export function rowList<Row>(view: View<Row>, rows: readonly Row[]): RowList {
  return (Struct) => rows.map((row) => templateData(Struct, view, row));
}

/** A row as a template sees it. */
function templateData<Row>(Struct: typeof StructClass, view: View<Row>, row: Row): StructClass {
  const members = Object.fromEntries(
    Object.entries(view.fields).map(([name, field]) => [name, () => field.value(row) ?? Struct.nil]),
  );
  const label = (name: string) => view.labels?.(row)?.[name] ?? "";
  const fields = view.labels === undefined ? members : { ...members, Label: label };
  return new Struct(view.type, fields, () => rowObject(view, row), true);
}

/**
 * Runs `--format` over an empty row before the engine is asked, as Docker's `ps` does to learn what it needs.
 * @returns the fields that the template looks at. @throws CliError with Docker's text for a template that cannot be used.
 */
export async function fieldsUsed<Row>(view: View<Row>, empty: Row, format: string): Promise<ReadonlySet<string>> {
  const { Struct, TemplateError } = await import("../template/index.ts");
  const used = new Set<string>();
  const fields = Object.fromEntries(
    Object.entries(view.fields).map(([name, field]) => [
      name,
      {
        ...field,
        value: (row: Row) => {
          used.add(name);
          return field.value(row);
        },
      },
    ]),
  );
  const template = await compile(format, "failed to parse template");
  try {
    template.execute(templateData(Struct, { ...view, fields }, empty));
  } catch (error) {
    if (error instanceof TemplateError) throw new CliError(`failed to execute template: ${error.message}`);
    throw error;
  }
  return used;
}

/** The heading: the template run over the fields' headings, with functions that leave them alone. */
async function headerLine<Row>(view: View<Row>, source: string): Promise<string> {
  const { compileTemplate, dockerFunctions, Struct } = await import("../template/index.ts");
  const keep = { parameters: ["any", "any"] as const, variadic: true, call: (value: unknown) => value };
  const functions = { ...dockerFunctions };
  for (const name of ["json", "split", "join", "title", "lower", "upper", "pad", "truncate"]) functions[name] = keep;
  const members = Object.fromEntries(Object.entries(view.fields).map(([name, field]) => [name, field.header ?? name]));
  const label = (name: string) => name.split(/[.\-_]/).join(" ");
  return compileTemplate(source, { functions }).execute(
    new Struct("formatter.SubHeaderContext", { ...members, Label: label }),
  );
}

function rowObject<Row>(view: View<Row>, row: Row): Record<string, unknown> {
  const fields = Object.entries(view.fields).filter(([, field]) => field.hiddenInJson !== true);
  fields.sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, (field.inJson ?? field.value)(row)]));
}

/** Go escapes these in JSON unless told otherwise, and Docker does not tell otherwise here. */
export function goJson(value: unknown, indent?: string): string {
  return JSON.stringify(value ?? null, undefined, indent).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function rowJson<Row>(view: View<Row>, row: Row): string {
  return goJson(rowObject(view, row));
}
