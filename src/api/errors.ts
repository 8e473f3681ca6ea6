import { forbidden, invalid, notImplemented, unavailable, type EngineError } from "../base/index.ts";

/** An unknown filter key; `invalid filter` alone when the value is no JSON of either form. */
export const invalidFilter = (key?: string): EngineError =>
  invalid(key === undefined ? "invalid filter" : `invalid filter '${key}'`);

export const badNumber = (parser: string, text: string, problem = "invalid syntax"): EngineError =>
  invalid(`strconv.${parser}: parsing ${JSON.stringify(text)}: ${problem}`);

export const badResize = (side: string, text: string, problem: string): EngineError =>
  invalid(`invalid resize ${side} ${JSON.stringify(text)}: ${problem}`);

export const needsExperimental = (): EngineError => invalid("checkpoint is only supported in experimental mode");

export const checkpointFolderUnsupported = (): EngineError => forbidden("custom checkpointdir is not supported");

export const startTakesNoBody = (): EngineError =>
  invalid("starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24");

export const invalidJson = (problem: string): EngineError => invalid(`invalid JSON: ${problem}`);

export const trailingJson = (): EngineError => invalid("unexpected content after JSON");

export const wrongType = (path: string, value: string, type: string): EngineError =>
  invalidJson(
    path === ""
      ? `json: cannot unmarshal ${value} into Go value of type ${type}`
      : `json: cannot unmarshal ${value} into Go struct field ${path} of type ${type}`,
  );

export const notSupportedYet = (what: string): EngineError => notImplemented(`${what} is not supported by berth yet`);

export const notASwarmManager = (): EngineError =>
  unavailable(
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );

export const notInASwarm = (): EngineError => unavailable("This node is not part of a swarm");

/** Of two times the later one comes first. */
export const badSpan = (since: { name: string; at: bigint }, until: { name: string; at: bigint }) =>
  invalid(
    `\`${since.name}\` time (${seconds(since.at)}) cannot be after \`${until.name}\` time (${seconds(until.at)})`,
  );

/** As clients write it: seconds, with the fraction when there is one. */
function seconds(nanos: bigint): string {
  const fraction = nanos % 1_000_000_000n;
  return `${nanos / 1_000_000_000n}${fraction === 0n ? "" : `.${String(fraction).padStart(9, "0")}`}`;
}
