import { invalid, messageOf, notImplemented, unknown, type EngineError } from "../base/index.ts";

export const unknownOption = (option: string, driver: string): EngineError =>
  invalid(`unknown log opt '${option}' for ${driver} log driver`);

/** Docker's `local` says it the other way round. */
export const unknownLocalOption = (option: string, driver: string): EngineError =>
  invalid(`unknown log opt '${option}' for log driver ${driver}`);

export const badMode = (mode: string): EngineError => invalid(`logger: logging mode not supported: ${mode}`);

export const bufferWithoutMode = (): EngineError =>
  invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");

export const badBufferSize = (problem: string): EngineError =>
  invalid(`error parsing option max-buffer-size: ${problem}`);

export const badCacheSwitch = (value: string): EngineError =>
  invalid(`invalid value for option cache-disabled: ${value}`);

export const badValue = (name: string, value: string): EngineError =>
  invalid(`error parsing option ${name}: invalid value '${value}'`);

export const badRegex = (cause: unknown): EngineError => invalid(messageOf(cause), { cause });

export const cannotStart = (why: string): EngineError =>
  unknown(`failed to create task for container: failed to initialize logging driver: ${why}`);

export const noReading = (): EngineError => notImplemented("configured logging driver does not support reading");

export const badAddress = (option: string, address: string): EngineError =>
  invalid(`${option} should be in form proto://address, got ${address}`);

export const badOption = (text: string): EngineError => invalid(text);

/**
 * A batch that was not delivered as a whole: the first `sent` records were, the next `refused` never will be, the rest is to
 * be tried again.
 */
export class DeliveryError extends Error {
  readonly sent: number;
  readonly refused: number;

  constructor(cause: unknown, progress: { sent?: number; refused?: number }) {
    super(messageOf(cause), { cause });
    this.sent = progress.sent ?? 0;
    this.refused = progress.refused ?? 0;
  }
}
