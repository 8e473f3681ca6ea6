import type { Command, Expression, Pipe, Statement, Template } from "./ast.ts";
import { printCommand, printExpression, printPipe } from "./ast.ts";
import { FunctionError, TemplateError } from "./errors.ts";
import type { FunctionTable, ParameterType, TemplateFunction } from "./functions.ts";
import { Float } from "./numbers.ts";
import { formatValue, isCallable, isList, isMap, isTrue, NIL, sortedKeys, Struct, Text, typeName } from "./values.ts";

export interface ExecuteOptions {
  functions: FunctionTable;
  /** `error`: a map's missing key fails; by default it prints as `<no value>`. */
  missingKey?: "default" | "error";
  /** Maps of which any key may be asked for, whatever `missingKey` says. */
  open?: ReadonlySet<unknown>;
  /** Maps whose keys are of a type with methods, and how one of them is made. */
  keys?: ReadonlyMap<unknown, (key: string) => Text>;
  /** Nothing is known of the types: whatever a map holds is an `interface {}` to Go. */
  untyped?: boolean;
  /** Other names of a map's keys, which are looked for where the name itself is not there. */
  aliases?: Readonly<Record<string, string>>;
  /** Longest output in UTF-16 units; a template that writes more fails. */
  maxOutput?: number;
  /** Most statements and calls that are run. */
  maxSteps?: number;
}

const MAX_DEPTH = 500;

/** Runs a parsed template over `data`. @throws TemplateError (`template: :1:2: executing "" at <.X>: …`). */
export function execute(template: Template, data: unknown, options: ExecuteOptions): string {
  const run = new Run(template, data, options);
  run.statements(template.body, data);
  return run.output();
}

type Signal = "break" | "continue" | undefined;
/** The value that a pipeline hands to its next command; absent for the first. */
type Final = { value: unknown } | undefined;

class Run {
  readonly #template: Template;
  readonly #options: ExecuteOptions;
  #variables: { name: string; value: unknown }[];
  #parts: string[] = [];
  #size = 0;
  #steps = 0;
  #depth = 0;
  #name: string;

  constructor(template: Template, data: unknown, options: ExecuteOptions) {
    this.#template = template;
    this.#options = options;
    this.#variables = [{ name: "$", value: data }];
    this.#name = template.name;
  }

  output(): string {
    return this.#parts.join("");
  }

  statements(list: readonly Statement[], dot: unknown): Signal {
    for (const statement of list) {
      const signal = this.#statement(statement, dot);
      if (signal !== undefined) return signal;
    }
    return undefined;
  }

  #statement(statement: Statement, dot: unknown): Signal {
    this.#step(statement.at);
    switch (statement.kind) {
      case "text":
        this.#write(statement.text, statement.at);
        return undefined;
      case "action": {
        const value = this.#pipe(statement.pipe, dot);
        if (statement.pipe.variables.length === 0) {
          this.#write(value === undefined || value === null ? "<no value>" : this.#printed(value), statement.at);
        }
        return undefined;
      }
      case "if":
      case "with":
        return this.#branch(statement, dot);
      case "range":
        return this.#range(statement, dot);
      case "template":
        this.#call(statement, dot);
        return undefined;
      case "break":
      case "continue":
        return statement.kind;
    }
  }

  #printed(value: unknown): string {
    return formatValue(value);
  }

  #branch(statement: Extract<Statement, { kind: "if" | "with" | "range" }>, dot: unknown): Signal {
    const scope = this.#variables.length;
    const value = this.#pipe(statement.pipe, dot);
    let signal: Signal;
    if (isTrue(value)) signal = this.statements(statement.body, statement.kind === "with" ? value : dot);
    else if (statement.otherwise !== undefined) signal = this.statements(statement.otherwise, dot);
    this.#variables.length = scope;
    return signal;
  }

  #range(statement: Extract<Statement, { kind: "if" | "with" | "range" }>, dot: unknown): Signal {
    const scope = this.#variables.length;
    const value = this.#pipe(statement.pipe, dot);
    const inner = this.#variables.length;
    let ran = false;
    for (const [key, element] of this.#elements(value, statement.pipe)) {
      ran = true;
      this.#bindLoop(statement.pipe, key, element, inner);
      const signal = this.statements(statement.body, element);
      this.#variables.length = inner;
      if (signal === "break") break;
    }
    const signal = !ran && statement.otherwise !== undefined ? this.statements(statement.otherwise, dot) : undefined;
    this.#variables.length = scope;
    return signal;
  }

  *#elements(value: unknown, pipe: Pipe): Iterable<[unknown, unknown]> {
    if (value === null || value === undefined) return;
    if (isList(value)) yield* value.entries();
    else if (isMap(value)) {
      const typed = this.#options.keys?.get(value);
      for (const key of sortedKeys(value)) yield [typed?.(key) ?? key, value[key]];
    } else if (typeof value === "number" && Number.isInteger(value)) {
      for (let index = 0; index < value; index++) yield [index, index];
    } else {
      // Go names what it has evaluated last
      const last = pipe.commands.at(-1)?.words[0];
      const [at, context] =
        last === undefined ? [pipe.at, printPipe(pipe)] : [fieldPosition(last), printExpression(last)];
      this.#fail(at, context, `range can't iterate over ${formatValue(value)}`);
    }
  }

  /** `range $i, $e := …` sets both; `range $e := …` the element. The pipeline pushed them already when it declared. */
  #bindLoop(pipe: Pipe, key: unknown, element: unknown, inner: number): void {
    const [first, second] = pipe.variables;
    if (first === undefined) return;
    const values = second === undefined ? [element] : [key, element];
    for (const [index, name] of pipe.variables.entries()) {
      if (pipe.isAssignment) this.#assign(name, values[index], pipe);
      else {
        const declared = this.#variables[inner - pipe.variables.length + index];
        if (declared !== undefined) declared.value = values[index];
      }
    }
  }

  #call(statement: Extract<Statement, { kind: "template" }>, dot: unknown): void {
    const fail = (message: string) => {
      const printed = `{{template ${JSON.stringify(statement.name)}${statement.pipe === undefined ? "" : ` ${printPipe(statement.pipe)}`}}}`;
      return this.#fail(statement.nameAt, printed, message);
    };
    const body = this.#template.defined.get(statement.name);
    if (body === undefined) return fail(`template ${JSON.stringify(statement.name)} not defined`);
    if (++this.#depth > MAX_DEPTH) return fail(`exceeded maximum template depth (${MAX_DEPTH})`);
    const data = statement.pipe === undefined ? undefined : this.#pipe(statement.pipe, dot);
    const outer = { variables: this.#variables, name: this.#name };
    this.#variables = [{ name: "$", value: data }];
    this.#name = statement.name;
    this.statements(body, data);
    this.#variables = outer.variables;
    this.#name = outer.name;
    this.#depth--;
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let final: Final;
    for (const command of pipe.commands) final = { value: this.#command(command, dot, final) };
    for (const name of pipe.variables) {
      if (pipe.isAssignment) this.#assign(name, final?.value, pipe);
      else this.#variables.push({ name, value: final?.value });
    }
    return final?.value;
  }

  #command(command: Command, dot: unknown, final: Final): unknown {
    this.#step(command.at);
    const [first, ...rest] = command.words;
    switch (first.kind) {
      case "field":
        return this.#fields(dot, first.names, first, rest, dot, final);
      case "chain":
        return this.#fields(this.#operand(first.of, dot), first.names, first, rest, dot, final);
      case "variable": {
        const value = this.#variable(first.name, first.at);
        if (first.names.length > 0) return this.#fields(value, first.names, first, rest, dot, final);
        this.#refuseArguments(first, rest, final);
        return value;
      }
      case "function":
        return this.#function(first.name, first, command, rest, dot, final);
      case "pipe":
        this.#refuseArguments(first, rest, final);
        return this.#pipe(first.pipe, dot);
      case "nil":
        return this.#fail(first.at, "nil", "nil is not a command");
      default:
        this.#refuseArguments(first, rest, final);
        return this.#operand(first, dot);
    }
  }

  #refuseArguments(node: Expression, rest: readonly Expression[], final: Final): void {
    if (rest.length > 0 || final !== undefined) {
      this.#fail(node.at, printExpression(node), `can't give argument to non-function ${printExpression(node)}`);
    }
  }

  #operand(node: Expression, dot: unknown): unknown {
    switch (node.kind) {
      case "dot":
        return dot;
      case "nil":
        return null;
      case "bool":
      case "string":
        return node.value;
      case "number":
        return node.value ?? this.#fail(node.at, node.text, `${node.text} overflows int`);
      case "field":
        return this.#fields(dot, node.names, node, [], dot, undefined);
      case "variable": {
        const value = this.#variable(node.name, node.at);
        return node.names.length === 0 ? value : this.#fields(value, node.names, node, [], dot, undefined);
      }
      case "chain":
        return this.#fields(this.#operand(node.of, dot), node.names, node, [], dot, undefined);
      case "function":
        return this.#function(node.name, node, { at: node.at, words: [node] }, [], dot, undefined);
      case "pipe":
        return this.#pipe(node.pipe, dot);
    }
  }

  /** Walks `.A.B.C`; only the last may take arguments. */
  #fields(
    receiver: unknown,
    names: readonly string[],
    node: Expression,
    rest: readonly Expression[],
    dot: unknown,
    final: Final,
  ): unknown {
    let value = receiver;
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const args = isLast ? rest.map((word) => this.#operand(word, dot)) : [];
      if (isLast && final !== undefined) args.push(final.value);
      value = this.#field(value, name, node, args, isLast ? rest : []);
    }
    return value;
  }

  #field(
    receiver: unknown,
    name: string,
    node: Expression,
    args: readonly unknown[],
    rest: readonly Expression[],
  ): unknown {
    // Go names what it has evaluated last: of `(.A).B`, the part in parentheses
    const said = node.kind === "chain" ? lastOf(node.of) : node;
    const fail = (message: string) => this.#fail(fieldPosition(said), printExpression(said), message);
    const { missingKey, open } = this.#options;
    if (receiver === undefined) {
      return missingKey === "error" && open === undefined
        ? fail(`nil data; no entry for key ${JSON.stringify(name)}`)
        : undefined;
    }
    if (receiver === null || receiver === NIL) return fail(`nil pointer evaluating interface {}.${name}`);
    if (receiver instanceof Struct) {
      if (!Object.hasOwn(receiver.fields, name)) return fail(`can't evaluate field ${name} in type ${receiver.type}`);
      const member = receiver.fields[name];
      if (!isCallable(member)) {
        return args.length === 0 ? member : fail(`${name} has arguments but cannot be invoked as function`);
      }
      if (args.length !== member.length) {
        return fail(`wrong number of args for ${name}: want ${member.length} got ${args.length}`);
      }
      for (const [index, value] of args.entries()) this.#argument("string", value, rest[index] ?? node);
      return this.#guarded(() => member(...args), name, node.at, printExpression(node));
    }
    if (receiver instanceof Text && Object.hasOwn(receiver.methods, name)) {
      if (args.length > 0) return fail(`wrong number of args for ${name}: want 0 got ${args.length}`);
      return receiver.methods[name]?.();
    }
    if (isMap(receiver)) {
      if (args.length > 0) return fail(`${name} is not a method but has arguments`);
      if (Object.hasOwn(receiver, name)) {
        const member = receiver[name];
        return isCallable(member) ? member() : member;
      }
      const { aliases = {} } = this.#options;
      const other = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
      if (other !== undefined && Object.hasOwn(receiver, other)) return receiver[other];
      return missingKey === "error" && open?.has(receiver) !== true
        ? fail(`map has no entry for key ${JSON.stringify(name)}`)
        : undefined;
    }
    // What stands in parentheses was looked into
    const isOpaque = this.#options.untyped === true && node.kind !== "chain";
    const type = isOpaque ? "interface {}" : typeName(receiver);
    return fail(`can't evaluate field ${name} in type ${type}`);
  }

  #function(
    name: string,
    node: Expression,
    command: Command,
    rest: readonly Expression[],
    dot: unknown,
    final: Final,
  ): unknown {
    this.#step(node.at);
    if (name === "and" || name === "or") return this.#shortCircuit(name, node, rest, dot, final);
    const declared = this.#options.functions[name];
    if (declared === undefined) return this.#fail(node.at, name, `${JSON.stringify(name)} is not a defined function`);
    this.#checkCount(name, declared, rest.length + (final === undefined ? 0 : 1), node);
    const args = rest.map((word) => this.#operand(word, dot));
    if (final !== undefined) args.push(final.value);
    const checked = args.map((given, index) => {
      const value = given instanceof Text ? given.value : given;
      const type = declared.parameters[Math.min(index, declared.parameters.length - 1)] ?? "any";
      const word = rest[index];
      return this.#argument(type, value, word ?? node);
    });
    const [callee] = rest;
    if (name === "call" && callee !== undefined && !isCallable(args[0]) && args[0] !== null && args[0] !== undefined) {
      const what = `non-function ${printExpression(callee)} of type ${typeName(args[0])}`;
      return this.#fail(command.at, printCommand(command), `error calling call: ${what}`);
    }
    const call = declared.call as (...values: unknown[]) => unknown; // the values were checked against `parameters`
    return this.#guarded(() => call(...checked), name, command.at, printCommand(command));
  }

  #checkCount(name: string, declared: TemplateFunction, given: number, node: Expression): void {
    const wanted = declared.parameters.length;
    if (declared.variadic === true) {
      if (given < wanted - 1) {
        this.#fail(node.at, name, `wrong number of args for ${name}: want at least ${wanted - 1} got ${given}`);
      }
    } else if (given !== wanted) {
      this.#fail(node.at, name, `wrong number of args for ${name}: want ${wanted} got ${given}`);
    }
  }

  #argument(type: ParameterType, value: unknown, node: Expression): unknown {
    const fail = (message: string) => this.#fail(node.at, printExpression(node), message);
    const isLiteral = node.kind === "number" || node.kind === "string" || node.kind === "bool";
    // An integer is wanted, and a constant like 1.0 is one
    if (isLiteral && type === "int" && value instanceof Float) return value.value;
    const fits = type === "string" ? typeof value === "string" : type !== "int" || Number.isInteger(value);
    if (node.kind === "nil" && (type === "string" || type === "int")) return fail(`cannot assign nil to ${type}`);
    if (isLiteral && !fits && type !== "strings")
      return fail(`expected ${type === "int" ? "integer" : type}; found ${printExpression(node)}`);
    switch (type) {
      case "any":
        return value;
      case "string":
        if (typeof value === "string") return value;
        if (value === undefined || value === null) return fail("invalid value; expected string");
        return fail(`wrong type for value; expected string; got ${typeName(value)}`);
      case "int":
        if (typeof value === "number" && Number.isInteger(value)) return value;
        if (value === undefined || value === null) return fail("invalid value; expected int");
        return fail(`wrong type for value; expected int; got ${typeName(value)}`);
      case "strings":
        if (isLiteral) return fail(`can't handle ${printExpression(node)} for arg of type []string`);
        if (isList(value)) return value.map((each) => formatValue(each));
        // JSON's null is Go's empty slice
        if (value === null) return [];
        if (value === undefined) return fail("invalid value; expected []string");
        return fail(`wrong type for value; expected []string; got ${typeName(value)}`);
    }
  }

  #shortCircuit(
    name: "and" | "or",
    node: Expression,
    rest: readonly Expression[],
    dot: unknown,
    final: Final,
  ): unknown {
    if (rest.length === 0 && final === undefined) {
      return this.#fail(node.at, name, `wrong number of args for ${name}: want at least 1 got 0`);
    }
    let value: unknown;
    for (const word of rest) {
      value = this.#operand(word, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return final === undefined ? value : final.value;
  }

  #guarded(call: () => unknown, name: string, at: number, context: string): unknown {
    try {
      return call();
    } catch (error) {
      if (error instanceof FunctionError) return this.#fail(at, context, `error calling ${name}: ${error.message}`);
      throw error;
    }
  }

  #variable(name: string, at: number): unknown {
    const found = this.#variables.findLast((each) => each.name === name);
    return found === undefined ? this.#fail(at, name, `undefined variable: ${name}`) : found.value;
  }

  #assign(name: string, value: unknown, pipe: Pipe): void {
    const found = this.#variables.findLast((each) => each.name === name);
    if (found !== undefined) {
      found.value = value;
      return;
    }
    const word = pipe.commands.at(-1)?.words.at(-1);
    const last = word === undefined ? undefined : lastOf(word);
    const [at, context] =
      last === undefined ? [pipe.at, printPipe(pipe)] : [fieldPosition(last), printExpression(last)];
    this.#fail(at, context, `undefined variable: ${name}`);
  }

  #write(text: string, at: number): void {
    this.#size += text.length;
    if (this.#size > (this.#options.maxOutput ?? 1 << 26)) this.#failAt(at, "output is too long");
    this.#parts.push(text);
  }

  #step(at: number): void {
    if (++this.#steps > (this.#options.maxSteps ?? 10_000_000)) this.#failAt(at, "too many steps");
  }

  #failAt(at: number, message: string): never {
    throw new TemplateError(
      "execute",
      `template: ${this.#location(at)}: executing ${JSON.stringify(this.#name)}: ${message}`,
      this.output(),
    );
  }

  #fail(at: number, context: string, message: string): never {
    throw new TemplateError(
      "execute",
      `template: ${this.#location(at)}: executing ${JSON.stringify(this.#name)} at <${context}>: ${message}`,
      this.output(),
    );
  }

  /** `name:line:column`; the column counts bytes from 0, as Go's does. */
  #location(at: number): string {
    const before = this.#template.source.slice(0, at);
    const newline = before.lastIndexOf("\n");
    const line = before.split("\n").length;
    return `${this.#template.name}:${line}:${Buffer.byteLength(before.slice(newline + 1))}`;
  }
}

/** What is evaluated last of an expression. */
function lastOf(node: Expression): Expression {
  if (node.kind !== "pipe") return node;
  const [first] = node.pipe.commands.at(-1)?.words ?? [];
  return first === undefined ? node : lastOf(first);
}

/** Go gives `.A.B` the position of `.B`, where its parser joined the two. */
function fieldPosition(node: Expression): number {
  if (node.kind !== "field" && node.kind !== "variable") return node.at;
  const [first, ...more] = node.names;
  return node.kind === "field" && more.length > 0 ? node.at + 1 + (first ?? "").length : node.at;
}
