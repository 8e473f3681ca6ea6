/** Structured logs in dockerd's text form: `time="…" level=info msg="…" key=value`. */

export const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Record<string, string | number | boolean | undefined>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line and follows this one's level. */
  with(fields: LogFields): Logger;
}

export interface LogSink {
  level: LogLevel;
  format: "text" | "json";
  write(line: string): void;
}

/** A logger over a sink whose level can be changed while it runs (SIGHUP). */
export function createLogger(sink: LogSink, fields: LogFields = {}): Logger {
  const at = (level: LogLevel) => (message: string, more?: LogFields) => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(sink.level)) return;
    sink.write(formatLine(sink.format, level, message, { ...fields, ...more }));
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (more) => createLogger(sink, { ...fields, ...more }),
  };
}

/** A logger that drops everything. */
export const silentLogger: Logger = createLogger({ level: "fatal", format: "text", write: () => undefined });

function formatLine(format: LogSink["format"], level: LogLevel, message: string, fields: LogFields): string {
  const time = new Date().toISOString();
  if (format === "json") return JSON.stringify({ level, msg: message, time, ...fields });
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${quote(String(value))}`);
  return `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(message)}${pairs.join("")}`;
}

function quote(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : JSON.stringify(text);
}
