import { invalid, notImplemented, unknown, type EngineError } from "../base/index.ts";

export const unknownOption = (option: string, driver: string): EngineError =>
  invalid(`unknown log opt '${option}' for ${driver} log driver`);

export const badMode = (mode: string): EngineError => invalid(`logger: logging mode not supported: ${mode}`);

export const bufferWithoutMode = (): EngineError =>
  invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");

export const badBufferSize = (size: string): EngineError =>
  invalid(`error parsing option max-buffer-size: invalid size: '${size}'`);

export const cannotStart = (why: string): EngineError => unknown(`failed to initialize logging driver: ${why}`);

export const noCompression = (): EngineError =>
  notImplemented("log opt compress=true is not supported by this engine: leave it out, rotated files stay plain");

export const noReading = (): EngineError => notImplemented("configured logging driver does not support reading");
