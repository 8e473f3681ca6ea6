import { execute, type ExecuteOptions } from "./evaluate.ts";
import { dockerFunctions, type FunctionTable } from "./functions.ts";
import { parse } from "./parser.ts";

export { TemplateError } from "./errors.ts";
export { quote } from "./literals.ts";
export { NIL, nilList, nilMap, Struct, Text, type TextMethods } from "./values.ts";

export interface TemplateOptions extends Partial<ExecuteOptions> {
  /** The name in error texts. */
  name?: string;
  maxLength?: number;
}

/** What may be different for each run. */
export type RunOptions = Pick<ExecuteOptions, "aliases" | "keys" | "open" | "untyped">;

/** A template that is ready to run. */
export interface CompiledTemplate {
  /** @param more options of this run. @throws TemplateError */
  execute(data: unknown, more?: RunOptions): string;
}

/**
 * Compiles a Go template with Docker's functions (`json join split title lower upper pad truncate` beside Go's own).
 * @param options limits against hostile templates (`maxLength`, `maxOutput`, `maxSteps`), `missingKey`, other functions.
 * @throws TemplateError with Go's text (`template: :1: unclosed action`).
 */
export function compileTemplate(source: string, options: TemplateOptions = {}): CompiledTemplate {
  const functions: FunctionTable = options.functions ?? dockerFunctions;
  const template = parse(source, { ...options, functions: new Set([...Object.keys(functions), "and", "or"]) });
  return { execute: (data, more) => execute(template, data, { ...options, ...more, functions }) };
}

export { dockerFunctions };

/** Limits for templates that come from elsewhere than the command line (log tags, service templates). */
export const HOSTILE_TEMPLATE_LIMITS = { maxLength: 4096, maxOutput: 65_536, maxSteps: 10_000 } as const;
