import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { errnoOf } from "../../base/index.ts";
import { Bus } from "./bus.ts";
import { BusError, noSystemd, noUnit, unitStays } from "./errors.ts";
import { textOf, type Value } from "./wire.ts";

/** Where systemd talks to root without a message bus (systemd(1)). */
export const PRIVATE_SOCKET = "/run/systemd/private";

/** A unit's property: its name, its D-Bus type, its value (org.freedesktop.systemd1(5)). */
export type Property = readonly [name: string, signature: string, value: Value];

/** How often the rest of an earlier unit of the same name is cleared away. */
const TRIES = 3;
/** Milliseconds that systemd may be away: it executes itself anew when its package is upgraded (`daemon-reexec`). */
const PATIENCE_MS = 5000;
const WAIT_MS = 50;
/** What a connection to somebody who is away gives. */
const AWAY = ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"];
const PREFIX = "org.freedesktop.systemd1.";

/**
 * systemd's manager, as far as scopes need it. Each call has a connection of its own: nothing is to be kept alive over
 * systemd's own restarts, and a connection is told of the end of its own jobs without subscribing.
 */
export class SystemdManager {
  readonly #socket: string;
  readonly #patience: number;
  readonly #cgroupsOf: (pid: number) => Promise<string>;

  /** @param options for tests: milliseconds that systemd may be away, and what stands in for /proc/PID/cgroup. */
  constructor(
    socket: string = PRIVATE_SOCKET,
    options: { patience?: number; cgroupsOf?: (pid: number) => Promise<string> } = {},
  ) {
    this.#socket = socket;
    this.#patience = options.patience ?? PATIENCE_MS;
    this.#cgroupsOf = options.cgroupsOf ?? ((pid) => readFile(`/proc/${pid}/cgroup`, "utf8"));
  }

  /**
   * Makes a transient scope around processes that exist already (`PIDs`), and waits until it stands.
   * @throws unavailable with systemd's reason.
   */
  async startScope(name: string, properties: readonly Property[]): Promise<void> {
    const body = [name, "replace", properties.map(propertyValue), []];
    let wasAway = false;
    for (let tries = 1; ; tries++) {
      try {
        const result = await this.#persist((again) => {
          wasAway ||= again;
          return this.#job("StartTransientUnit", "ssa(sv)a(sa(sv))", body);
        });
        if (result === "done") return;
        throw noUnit(name, `systemd says "${result}"`);
      } catch (error) {
        if (!(error instanceof BusError)) throw error;
        // Made by the try whose answer was lost: to stop it would end what is in it.
        if (wasAway && error.busName === `${PREFIX}UnitExists` && (await this.#comesToHold(name, properties))) return;
        if (error.busName !== `${PREFIX}UnitExists` || tries === TRIES) {
          throw noUnit(name, error.message, { cause: error });
        }
      }
      // What is left of a run that was broken off.
      await this.stop(name);
      await this.#resetFailed(name);
    }
  }

  /**
   * Changes properties until the machine ends; they have been applied when it settles. A unit that is not there (any
   * more) is left alone.
   */
  setProperties(name: string, properties: readonly Property[]): Promise<void> {
    return this.#persist(() => this.#setProperties(name, properties));
  }

  async #setProperties(name: string, properties: readonly Property[]): Promise<void> {
    using bus = await this.#connect(() => undefined);
    const call = (member: string, signature: string, body: readonly Value[]) =>
      unlessUnknown(bus.call(managerCall(member, signature, body)));
    await call("SetUnitProperties", "sba(sv)", [name, true, properties.map(propertyValue)]);
    // systemd answers, then writes to the cgroup, then takes the next message.
    await call("GetUnit", "s", [name]);
  }

  /** Stops a unit and waits until it is gone. Idempotent. @throws unavailable when systemd cannot. */
  async stop(name: string): Promise<void> {
    const result = await this.#persist(() => unlessUnknown(this.#job("StopUnit", "ss", [name, "replace"])));
    if (result !== undefined && result !== "done") throw unitStays(name, result);
  }

  /** Does it again while systemd is away. @param work is told whether it was done before. */
  async #persist<T>(work: (again: boolean) => Promise<T>): Promise<T> {
    const limit = performance.now() + this.#patience;
    for (let again = false; ; again = true) {
      try {
        return await work(again);
      } catch (error) {
        if (!isAway(error) || performance.now() >= limit) throw error;
      }
      await delay(WAIT_MS);
    }
  }

  /** Whether all processes that were to be in the unit are in it, or get there in time. */
  async #comesToHold(name: string, properties: readonly Property[]): Promise<boolean> {
    const pids = properties.flatMap(([property, , value]) =>
      property === "PIDs" && Array.isArray(value) ? value : [],
    );
    const limit = performance.now() + this.#patience;
    for (;;) {
      const places = await Promise.all(pids.map((pid) => this.#cgroupsOf(Number(pid)).catch(() => "")));
      if (places.every((place) => place.includes(`/${name}`))) return true;
      if (performance.now() >= limit) return false;
      await delay(WAIT_MS);
    }
  }

  async #resetFailed(name: string): Promise<void> {
    using bus = await this.#connect(() => undefined);
    await unlessUnknown(bus.call(managerCall("ResetFailedUnit", "s", [name])));
  }

  /** Calls a method that gives a job, and waits for it: `done`, `canceled`, `timeout`, `failed`, `dependency`… */
  async #job(member: string, signature: string, body: readonly Value[]): Promise<string> {
    const results = new Map<string, string>();
    let changed = Promise.withResolvers<void>();
    using bus = await this.#connect((signal, body) => {
      if (signal !== "JobRemoved") return;
      const [, path, , result] = body();
      results.set(textOf(path), textOf(result));
      changed.resolve();
    });
    const [job] = await bus.call(managerCall(member, signature, body));
    for (;;) {
      // The signal may have come before the answer.
      const result = results.get(textOf(job));
      if (result !== undefined) return result;
      const ended = await Promise.race([changed.promise, bus.ended]);
      if (ended !== undefined) throw ended;
      changed = Promise.withResolvers<void>();
    }
  }

  async #connect(onSignal: (member: string, body: () => Value[]) => void): Promise<Bus> {
    try {
      return await Bus.connect(this.#socket, onSignal);
    } catch (error) {
      throw noSystemd({ cause: error });
    }
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof BusError) return error.busName === "Disconnected";
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return AWAY.includes(errnoOf(cause) ?? "");
}

async function unlessUnknown<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof BusError && error.busName === `${PREFIX}NoSuchUnit`) return undefined;
    throw error;
  }
}

function managerCall(member: string, signature: string, body: readonly Value[]) {
  return {
    destination: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
    member,
    signature,
    body,
  };
}

const propertyValue = ([name, signature, value]: Property): Value => [name, { signature, value }];
