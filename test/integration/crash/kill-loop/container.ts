import type { Answer } from "../../../support/api.ts";
import type { Sending } from "./collectors.ts";
import type { Random } from "./random.ts";
import type { Session } from "./session.ts";

/**
 * `worker` writes its lines and ends with its code, `once` also goes with it, `again` fails and is started twice more;
 * `sleeper` and `server` (which answers its own name over HTTP and UDP) run until they are stopped.
 */
export type Kind = "worker" | "once" | "again" | "sleeper" | "server";

/** What a client was told of a container of its own. */
export interface Known {
  id: string;
  name: string;
  kind: Kind;
  lines: number;
  code: number;
  /** Of what runs until it is stopped. */
  running: boolean;
  paused: boolean;
  hasHealth: boolean;
  memory: number;
  volume: string | undefined;
  /** How its lines come to a collector, too. */
  sending: Sending | undefined;
  /** All its lines have come there. */
  hasArrived: boolean;
  /** User-defined ones, by name. */
  networks: Set<string>;
  /** Contents that were put into it, by path. */
  files: Map<string, string>;
}

/** What of an inspect is compared. */
export interface Inspect {
  Id: string;
  Name: string;
  RestartCount: number;
  State: { Status: string; Running: boolean; ExitCode: number; Health?: { Status: string } };
  HostConfig: { Memory: number };
  NetworkSettings: {
    Networks: Record<string, unknown>;
    Ports: Record<string, Array<{ HostIp: string; HostPort: string }> | null>;
  };
}

export const lasts = ({ kind }: Pick<Known, "kind">) => kind === "sleeper" || kind === "server";
export const isUp = (container: Known) => lasts(container) && container.running && !container.paused;
export const stays = ({ kind }: Known) => kind !== "once";

/** One thing that a client does with one of its containers. */
export interface World {
  session: Session;
  random: Random;
  container: Known;
  /** Of the client, for connecting. */
  networks: readonly string[];
  /** From now on it is not to be removed before the end. */
  use(network: string): void;
  /** A name that is new. */
  fresh(kind: string): string;
  /** A tag that was made. */
  tagged(name: string): void;
}

export async function inspect({
  session,
  container,
}: Pick<World, "session" | "container">): Promise<Inspect | undefined> {
  const answer = await session.expect("GET", `/containers/${container.id}/json`, [200]);
  return answer.status === 200 ? (answer.json as Inspect) : undefined; // the API's shape
}

/**
 * Asks until it is answered and compares the status.
 * @param repeated statuses that are right, too, when an earlier try may have been carried out.
 * @returns the answer; undefined when its supervisor was killed, which makes any of them right.
 */
export async function carryOut(
  { session, container }: World,
  [method, path, body]: readonly [method: string, path: string, body?: unknown],
  right: readonly number[],
  repeated: readonly number[] = [],
): Promise<Answer | undefined> {
  const { answer, cut } = await session.insist(method, `/containers/${container.id}${path}`, body);
  if (session.isBereaved(container.id)) return undefined;
  if (!right.includes(answer.status) && !(cut && repeated.includes(answer.status))) {
    session.violated(`${method} ${path} of ${container.name}: ${answer.status} ${answer.text}`);
  }
  return answer;
}
