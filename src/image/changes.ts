import { posix } from "node:path";
import { invalid } from "../base/index.ts";
import type { ImageRunConfig } from "../spec/index.ts";
import { parseHealthcheck } from "./healthcheck.ts";
import { expandWord, splitWords } from "./shell-words.ts";

/**
 * `--change` of `docker import` and `docker commit`: Dockerfile instructions that change a config alone.
 * @param base what they change; it is left as it is.
 * @throws invalid with Docker's text.
 */
export function applyChanges(base: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  const config: ImageRunConfig = structuredClone(base);
  const state: State = { config, cmdSet: false };
  for (const line of changes.flatMap(logicalLines)) apply(state, line);
  return config;
}

interface State {
  config: ImageRunConfig;
  /** CMD was given here: an ENTRYPOINT after it leaves it alone. */
  cmdSet: boolean;
}

type Instruction = (state: State, text: string, env: ReadonlyMap<string, string>) => void;

const INSTRUCTIONS: Record<string, Instruction> = {
  CMD: (state, text) => {
    state.config.Cmd = commandOf(text);
    state.cmdSet = true;
  },
  ENTRYPOINT: (state, text) => {
    state.config.Entrypoint = commandOf(text);
    if (!state.cmdSet) state.config.Cmd = null;
  },
  ENV: ({ config }, text, env) => {
    for (const [key, value] of pairs("ENV", text, env)) config.Env = setVariable(config.Env ?? [], key, value);
  },
  LABEL: ({ config }, text, env) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs("LABEL", text, env)) };
  },
  EXPOSE: ({ config }, text, env) => {
    const ports = words("EXPOSE", text, env).flatMap(portsOf);
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  },
  USER: ({ config }, text, env) => {
    config.User = exactlyOne("USER", text, env);
  },
  WORKDIR: ({ config }, text, env) => {
    const path = exactlyOne("WORKDIR", text, env);
    config.WorkingDir = posix.resolve("/", config.WorkingDir ?? "", path);
  },
  VOLUME: ({ config }, text, env) => {
    const paths = (jsonList(text) ?? words("VOLUME", text, env)).map((path) => expandWord(path, env).trim());
    if (paths.includes("")) throw invalid("VOLUME specified can not be an empty string");
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
  },
  STOPSIGNAL: ({ config }, text, env) => {
    config.StopSignal = checkSignal(exactlyOne("STOPSIGNAL", text, env));
  },
  ONBUILD: ({ config }, text) => {
    config.OnBuild = [...(config.OnBuild ?? []), checkTrigger(text)];
  },
  HEALTHCHECK: ({ config }, text) => {
    config.Healthcheck = parseHealthcheck(text, jsonList);
  },
};

function apply(state: State, line: string): void {
  const [, name = "", text = ""] = /^(\S+)\s*([^]*)$/.exec(line) ?? [];
  const instruction = INSTRUCTIONS[name.toUpperCase()];
  if (instruction === undefined) throw invalid(`${name} is not a valid change command`);
  instruction(state, text.trim(), environmentOf(state.config));
}

/** One change may hold several lines; a backslash at its end joins a line to the next. */
function logicalLines(text: string): string[] {
  return text
    .replaceAll(/\\[ \t]*\r?\n/g, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function environmentOf(config: ImageRunConfig): Map<string, string> {
  return new Map((config.Env ?? []).map((entry) => splitOnce(entry)));
}

function splitOnce(entry: string): [key: string, value: string] {
  const equals = entry.indexOf("=");
  return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
}

function setVariable(env: readonly string[], key: string, value: string): string[] {
  const at = env.findIndex((entry) => splitOnce(entry)[0] === key);
  const entry = `${key}=${value}`;
  return at < 0 ? [...env, entry] : env.with(at, entry);
}

/** The exec form is a JSON list of strings; everything else is for the shell. */
function commandOf(text: string): string[] | null {
  const list = jsonList(text);
  if (list !== undefined) return list.length === 0 ? null : list;
  return text === "" ? null : ["/bin/sh", "-c", text];
}

function jsonList(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    return undefined; // the shell form may start with a bracket
  }
}

function words(name: string, text: string, env: ReadonlyMap<string, string>): string[] {
  const list = splitWords(text).map((word) => expandWord(word, env));
  if (list.length === 0) throw invalid(`${name} requires at least one argument`);
  return list;
}

function exactlyOne(name: string, text: string, env: ReadonlyMap<string, string>): string {
  if (text === "") throw invalid(`${name} requires exactly one argument`);
  return expandWord(text, env);
}

/** `k=v k2="v 2"`, or the old form `k the rest`. */
function pairs(name: string, text: string, env: ReadonlyMap<string, string>): Array<[string, string]> {
  const list = splitWords(text);
  const [first] = list;
  if (first === undefined) throw invalid(`${name} requires at least one argument`);
  if (!first.includes("=")) {
    const rest = text.slice(first.length).trim();
    if (rest === "") throw invalid(`${name} must have two arguments`);
    return [[expandWord(first, env), expandWord(rest, env)]];
  }
  return list.map((word) => {
    if (!word.includes("=")) {
      throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    }
    const [key, value] = splitOnce(word);
    if (key === "") throw invalid(`${name} names can not be blank`);
    return [expandWord(key, env), expandWord(value, env)];
  });
}

/** `80`, `80/udp`, `8000-8010/tcp`. */
function portsOf(text: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  if (match === null || from > to || to > 65_535) throw invalid(`Invalid containerPort: ${text}`);
  const protocol = (match[3] ?? "tcp").toLowerCase();
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}/${protocol}`);
}

const SIGNALS = new Set(
  (
    "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP " +
    "TSTP TTIN TTOU UNUSED URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX"
  ).split(" "),
);

function checkSignal(text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, "");
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  const isRealTime = /^RT(?:MIN\+(?:[1-9]|1[0-5])|MAX-(?:[1-9]|1[0-4]))$/.test(name);
  if (!SIGNALS.has(name) && !isRealTime && !(number > 0 && number <= 64)) throw invalid(`invalid signal: ${text}`);
  return text;
}

function checkTrigger(text: string): string {
  const name = (splitWords(text)[0] ?? "").toUpperCase();
  if (name === "") throw invalid("ONBUILD requires at least one argument");
  if (name === "ONBUILD") throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === "MAINTAINER" || name === "FROM") throw invalid(`${name} isn't allowed as an ONBUILD trigger`);
  return text;
}
