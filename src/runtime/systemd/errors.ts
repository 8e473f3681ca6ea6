import { EngineError, unavailable } from "../../base/index.ts";

/** An error that systemd answered with, or the end of the connection to it. */
export class BusError extends EngineError {
  /** D-Bus's name of it, such as `org.freedesktop.systemd1.NoSuchUnit`. */
  readonly busName: string;

  constructor(busName: string, message: string, options?: { cause?: unknown }) {
    super("unavailable", message, options);
    this.name = "BusError";
    this.busName = busName;
  }
}

/** runc's text. */
export const noSystemd = (options?: { cause?: unknown }): EngineError =>
  unavailable("systemd cgroup flag passed, but systemd support for managing cgroups is not available", options);
export const noUnit = (unit: string, reason: string, options?: { cause?: unknown }): EngineError =>
  unavailable(`unable to start unit "${unit}": ${reason}`, options);
export const unitStays = (unit: string, result: string): EngineError =>
  unavailable(`unit ${unit} was not stopped: systemd says "${result}"`);
