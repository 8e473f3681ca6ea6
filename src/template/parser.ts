import type { Command, Expression, Pipe, Statement, Template } from "./ast.ts";
import { printExpression } from "./ast.ts";
import { TemplateError } from "./errors.ts";
import { type Token, lineOf, tokenize } from "./lexer.ts";
import { unquote } from "./literals.ts";
import { parseConstant } from "./numbers.ts";

export interface ParseOptions {
  /** The name in error texts; Docker leaves it empty. */
  name?: string;
  /** Functions that the template may call; others are a parse error, as in Go. */
  functions: ReadonlySet<string>;
  /** Longest source taken; longer ones are refused before any work. */
  maxLength?: number;
}

const MAX_NESTING = 200;

/** Parses a Go template. @throws TemplateError (`template: :1: …`). */
export function parse(source: string, options: ParseOptions): Template {
  const name = options.name ?? "";
  if (source.length > (options.maxLength ?? 1 << 20)) {
    throw new TemplateError("parse", `template: ${name}:1: template is too long`);
  }
  return new Parser(name, source, options.functions).parse();
}

class Parser {
  readonly #name: string;
  readonly #source: string;
  readonly #functions: ReadonlySet<string>;
  readonly #tokens: Token[];
  readonly #defined = new Map<string, Statement[]>();
  #index = 0;
  #variables: string[] = ["$"];
  #loops = 0;
  #depth = 0;

  constructor(name: string, source: string, functions: ReadonlySet<string>) {
    this.#name = name;
    this.#source = source;
    this.#functions = functions;
    this.#tokens = tokenize(name, source);
  }

  parse(): Template {
    const { body, ended } = this.#list();
    if (ended !== "eof") this.#fail(`unexpected {{${ended}}}`);
    return { name: this.#name, source: this.#source, body, defined: this.#defined };
  }

  /** Statements up to `{{end}}`, `{{else…` or the end of the text; `else` leaves its further words unread. */
  #list(): { body: Statement[]; ended: "end" | "else" | "eof" } {
    if (++this.#depth > MAX_NESTING) this.#fail("template is nested too deeply");
    const body: Statement[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "eof") {
        this.#depth--;
        return { body, ended: "eof" };
      }
      if (token.kind === "text") {
        body.push({ kind: "text", at: token.at, text: token.text });
        continue;
      }
      const ended = this.#action(token.at, body);
      if (ended === undefined) continue;
      this.#depth--;
      return { body, ended };
    }
  }

  #action(at: number, body: Statement[]): "end" | "else" | undefined {
    const token = this.#nextNonSpace();
    if (token.kind !== "keyword") {
      this.#index--;
      body.push({ kind: "action", at, pipe: this.#pipeline("command", "right") });
      return undefined;
    }
    switch (token.text) {
      case "end":
        this.#expectRight("end");
        return "end";
      case "else":
        return "else";
      case "if":
      case "with":
      case "range":
        body.push(this.#control(token.text, token.at));
        return undefined;
      case "define":
        if (this.#depth > 1) this.#unexpected(token, "command");
        this.#define();
        return undefined;
      case "block":
        body.push(this.#block(token.at));
        return undefined;
      case "template":
        body.push(this.#template(token.at));
        return undefined;
      default:
        // break and continue are the two that are left
        this.#expectRight(`{{${token.text}}}`);
        if (this.#loops === 0) this.#fail(`{{${token.text}}} outside {{range}}`);
        body.push({ kind: token.text === "break" ? "break" : "continue", at: token.at });
        return undefined;
    }
  }

  #control(kind: "if" | "with" | "range", at: number): Statement {
    const scope = this.#variables.length;
    const pipe = this.#pipeline(kind, "right");
    if (kind === "range") this.#loops++;
    const first = this.#list();
    if (kind === "range") this.#loops--;
    let otherwise: Statement[] | undefined;
    if (first.ended === "eof") this.#fail("unexpected EOF");
    if (first.ended === "else") {
      const next = this.#nextNonSpace();
      if (next.kind === "keyword" && next.text === kind && kind !== "range") {
        // {{else if x}} is {{else}}{{if x}} with one {{end}} for both
        otherwise = [this.#control(kind, next.at)];
      } else {
        if (next.kind === "keyword" && (next.text === "if" || next.text === "with")) this.#unexpected(next, "input");
        if (next.kind !== "right") this.#unexpected(next, "else");
        const second = this.#list();
        if (second.ended === "eof") this.#fail("unexpected EOF");
        if (second.ended !== "end") this.#fail(`expected end; found {{else}}`);
        otherwise = second.body;
      }
    }
    this.#variables.length = scope;
    return { kind, at, pipe, body: first.body, otherwise };
  }

  #define(): void {
    const { name } = this.#quotedName("define clause");
    this.#expectRight("define clause");
    this.#add(name, this.#definition("define clause"));
  }

  #block(at: number): Statement {
    const { name, at: nameAt } = this.#quotedName("block clause");
    const pipe = this.#pipeline("block clause", "right");
    this.#add(name, this.#definition("block clause"));
    return { kind: "template", at, name, nameAt, pipe };
  }

  /** Only a definition of nothing may stand beside another of its name. */
  #add(name: string, body: Statement[]): void {
    const before = this.#defined.get(name);
    if (before === undefined || isEmpty(before)) this.#defined.set(name, body);
    else if (!isEmpty(body)) this.#fail(`template: multiple definition of template ${JSON.stringify(name)}`);
  }

  /** A body with variables and loops of its own. */
  #definition(context: string): Statement[] {
    const variables = this.#variables;
    const loops = this.#loops;
    this.#variables = ["$"];
    this.#loops = 0;
    const { body, ended } = this.#list();
    if (ended === "eof") this.#fail("unexpected EOF");
    if (ended !== "end") this.#fail(`unexpected {{${ended}}} in ${context}`);
    this.#variables = variables;
    this.#loops = loops;
    return body;
  }

  #template(at: number): Statement {
    const { name, at: nameAt } = this.#quotedName("template clause");
    const next = this.#nextNonSpace();
    if (next.kind === "right") return { kind: "template", at, name, nameAt, pipe: undefined };
    this.#index--;
    return { kind: "template", at, name, nameAt, pipe: this.#pipeline("template clause", "right") };
  }

  #quotedName(context: string): { name: string; at: number } {
    const token = this.#nextNonSpace();
    if (token.kind !== "string") this.#unexpected(token, context);
    return { name: this.#unquoted(token), at: token.at };
  }

  #pipeline(context: string, end: "right" | "paren-right"): Pipe {
    if (++this.#depth > MAX_NESTING) this.#fail("template is nested too deeply");
    const at = this.#peekNonSpace().at;
    const { variables, isAssignment } = this.#declarations(context);
    const commands: Command[] = [];
    for (;;) {
      const token = this.#nextNonSpace();
      if (token.kind === end) {
        this.#checkPipeline(commands, context);
        this.#depth--;
        return { at, variables, isAssignment, commands };
      }
      switch (token.kind) {
        case "bool":
        case "char":
        case "dot":
        case "field":
        case "identifier":
        case "number":
        case "nil":
        case "string":
        case "variable":
        case "paren-left":
          this.#index--;
          commands.push(this.#command());
          break;
        default:
          this.#unexpected(token, context);
      }
    }
  }

  #declarations(context: string): { variables: string[]; isAssignment: boolean } {
    const start = this.#index;
    const variables: string[] = [];
    for (;;) {
      const variable = this.#peekNonSpace();
      if (variable.kind !== "variable") break;
      this.#nextNonSpace();
      const after = this.#nextNonSpace();
      variables.push(variable.text);
      if (after.kind === "declare") {
        this.#variables.push(...variables);
        return { variables, isAssignment: false };
      }
      if (after.kind === "assign") {
        // To Go the name is known from here on; that it was never declared is found when it is set
        this.#variables.push(...variables);
        return { variables, isAssignment: true };
      }
      if (after.kind === "comma" && context === "range" && variables.length < 2) continue;
      if (after.kind === "comma") this.#fail(`too many declarations in ${context}`);
      break;
    }
    this.#index = start;
    return { variables: [], isAssignment: false };
  }

  #checkPipeline(commands: Command[], context: string): void {
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    for (const [index, command] of commands.entries()) {
      const kind = command.words[0].kind;
      if (
        index > 0 &&
        (kind === "bool" || kind === "dot" || kind === "nil" || kind === "number" || kind === "string")
      ) {
        this.#fail(`non executable command in pipeline stage ${index + 1}`);
      }
    }
  }

  #command(): Command {
    const at = this.#peekNonSpace().at;
    const words: Expression[] = [];
    for (;;) {
      const operand = this.#operand();
      if (operand !== undefined) words.push(operand);
      const token = this.#next();
      if (token.kind === "space" && operand !== undefined) continue;
      if (token.kind === "space") continue;
      if (token.kind === "right" || token.kind === "paren-right") this.#index--;
      else if (token.kind !== "pipe") this.#unexpected(token, "operand");
      break;
    }
    const [first, ...rest] = words;
    if (first === undefined) return this.#fail("empty command");
    return { at, words: [first, ...rest] };
  }

  #operand(): Expression | undefined {
    const term = this.#term();
    if (term === undefined) return undefined;
    const names: string[] = [];
    while (this.#peek().kind === "field") names.push(this.#next().text.slice(1));
    if (names.length === 0) return term;
    switch (term.kind) {
      case "field":
        return { ...term, names: [...term.names, ...names] };
      case "variable":
        return { ...term, names: [...term.names, ...names] };
      case "bool":
      case "string":
      case "number":
      case "nil":
      case "dot":
        return this.#fail(`unexpected . after term ${JSON.stringify(printExpression(term))}`);
      default:
        return { kind: "chain", at: term.at, of: term, names };
    }
  }

  #term(): Expression | undefined {
    const token = this.#nextNonSpace();
    const at = token.at;
    switch (token.kind) {
      case "identifier":
        if (!this.#functions.has(token.text)) this.#fail(`function ${JSON.stringify(token.text)} not defined`);
        return { kind: "function", at, name: token.text };
      case "dot":
        return { kind: "dot", at };
      case "nil":
        return { kind: "nil", at };
      case "bool":
        return { kind: "bool", at, value: token.text === "true" };
      case "field":
        return { kind: "field", at, names: [token.text.slice(1)] };
      case "variable":
        this.#requireVariable(token.text);
        return { kind: "variable", at, name: token.text, names: [] };
      case "number":
        return this.#number(token);
      case "char": {
        const [char, ...more] = this.#unquoted(token);
        if (char === undefined) return this.#fail("invalid syntax");
        if (more.length > 0) this.#fail(`malformed character constant: ${token.text}`);
        const value = char.codePointAt(0) ?? 0;
        return { kind: "number", at, value, text: token.text };
      }
      case "string":
        return { kind: "string", at, value: this.#unquoted(token), text: token.text };
      case "paren-left":
        return { kind: "pipe", at, pipe: this.#pipeline("parenthesized pipeline", "paren-right") };
      default:
        this.#index--;
        return undefined;
    }
  }

  #number(token: Token): Expression {
    const constant = parseConstant(token.text);
    if ("failure" in constant) return this.#fail(constant.failure);
    return { kind: "number", at: token.at, value: "value" in constant ? constant.value : undefined, text: token.text };
  }

  #unquoted(token: Token): string {
    return unquote(token.text) ?? this.#fail(`invalid syntax`);
  }

  #requireVariable(name: string): void {
    if (!this.#variables.includes(name)) this.#fail(`undefined variable ${JSON.stringify(name)}`);
  }

  #expectRight(context: string): void {
    const token = this.#nextNonSpace();
    if (token.kind !== "right") this.#unexpected(token, context);
  }

  #peek(): Token {
    return this.#tokens[this.#index] ?? { kind: "eof", text: "", at: this.#source.length };
  }

  #next(): Token {
    const token = this.#peek();
    this.#index++;
    return token;
  }

  #nextNonSpace(): Token {
    let token = this.#next();
    while (token.kind === "space") token = this.#next();
    return token;
  }

  #peekNonSpace(): Token {
    while (this.#peek().kind === "space") this.#index++;
    return this.#peek();
  }

  #unexpected(token: Token, context: string): never {
    const shown =
      token.kind === "eof"
        ? "EOF"
        : ["keyword", "dot", "nil"].includes(token.kind)
          ? `<${token.text}>`
          : JSON.stringify(token.text);
    return this.#fail(`unexpected ${shown} in ${context}`);
  }

  #fail(message: string): never {
    const last = this.#tokens[Math.max(0, this.#index - 1)];
    const line = lineOf(this.#source, last?.at ?? this.#source.length);
    throw new TemplateError("parse", `template: ${this.#name}:${line}: ${message}`);
  }
}

function isEmpty(body: readonly Statement[]): boolean {
  return body.every((each) => each.kind === "text" && each.text.trim() === "");
}
