import { describe, expect, test } from "bun:test";
import { LOG_DRIVERS } from "./index.ts";

/** What the real engine says when a container is created with `--log-opt`, word by word; nothing: it takes them. */
const TABLES: Record<string, ReadonlyArray<readonly [options: string, text: string]>> = {
  "json-file": [
    ["nosuch=1", "unknown log opt 'nosuch' for json-file log driver"],
    ["mode=x max-buffer-size=x", "logger: logging mode not supported: x"],
    ["max-buffer-size=1m", "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
    ["mode=blocking max-buffer-size=1m", "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
    ["mode=non-blocking max-buffer-size=1x", "error parsing option max-buffer-size: invalid suffix: 'x'"],
    ["mode=non-blocking max-buffer-size=", "error parsing option max-buffer-size: invalid size: ''"],
    ["mode=non-blocking max-buffer-size=-1k", "error parsing option max-buffer-size: invalid size: '-1k'"],
    ["mode=non-blocking max-buffer-size=.5k", ""],
    ["mode=non-blocking max-buffer-size=1e3", ""],
    ["mode=blocking", ""],
    ["tag= env=a labels=b env-regex=^a labels-regex=^b", ""],
  ],
  local: [
    ["nosuch=1", "unknown log opt 'nosuch' for log driver local"],
    ["max-size=+1", ""],
  ],
  none: [["nosuch=1", ""]],
  syslog: [
    ["nosuch=1 syslog-facility=x", "unknown log opt 'nosuch' for syslog log driver"],
    ["cache-disabled=x nosuch=1", "invalid value for option cache-disabled: x"],
    ["cache-disabled=true cache-max-size=1m cache-max-file=3 cache-compress=true", ""],
    ["syslog-address=foo", "unsupported scheme: ''"],
    ["syslog-address=http://x:1", "unsupported scheme: 'http'"],
    ["syslog-address=localhost:514", "unsupported scheme: 'localhost'"],
    ["syslog-address=1.2.3.4:80", 'parse "1.2.3.4:80": first path segment in URL cannot contain colon'],
    ["syslog-address=:514", 'parse ":514": missing protocol scheme'],
    ["syslog-address=tcp://a:b", 'parse "tcp://a:b": invalid port ":b" after host'],
    ["syslog-address=tcp://[::1", "parse \"tcp://[::1\": missing ']' in host"],
    ["syslog-address=tcp://a:1:2", "address a:1:2: too many colons in address"],
    ["syslog-address=tcp://::1", "address ::1: too many colons in address"],
    ["syslog-address=tcp://a%20b", 'parse "tcp://a%20b": invalid URL escape "%20"'],
    ["syslog-address=unix://", "stat : no such file or directory"],
    ["syslog-address=tcp://", ""],
    ["syslog-address=tcp://[::1]", ""],
    ["syslog-address=TCP://h", ""],
    ["syslog-address=tcp+tls://u@h:1?q", ""],
    ["syslog-address=tcp://a/b", ""],
    ["syslog-facility=x syslog-format=x", "invalid syslog facility"],
    ["syslog-facility=24", "invalid syslog facility"],
    ["syslog-facility=-", "invalid syslog facility"],
    ["syslog-facility=local0 syslog-format=rfc5424micro", ""],
    ["syslog-format=x", "Invalid syslog format"],
  ],
  gelf: [
    ["nosuch=1", "gelf-address is a required parameter"],
    ["gelf-address=", "gelf-address is a required parameter"],
    ["gelf-address=foo", "gelf: endpoint needs to be TCP or UDP"],
    ["gelf-address=unix:///x", "gelf: endpoint needs to be TCP or UDP"],
    ["gelf-address=:514", 'parse ":514": missing protocol scheme'],
    ["gelf-address=udp://h:x1", 'parse "udp://h:x1": invalid port ":x1" after host'],
    ["gelf-address=udp://h", "gelf: please provide gelf-address as proto://host:port"],
    ["gelf-address=udp://[::1]", "gelf: please provide gelf-address as proto://host:port"],
    ["gelf-address=udp://::1", "gelf: please provide gelf-address as proto://host:port"],
    ["gelf-address=udp://a:1/b", ""],
    ["gelf-address=UDP://[::1]:1", ""],
    [
      "gelf-address=udp://h:1 gelf-compression-type=x",
      'unknown value "x" for log opt "gelf-compression-type" for gelf log driver',
    ],
    [
      "gelf-address=udp://h:1 gelf-compression-level=10",
      'unknown value "10" for log opt "gelf-compression-level" for gelf log driver',
    ],
    ["gelf-address=udp://h:1 gelf-compression-level=-1 gelf-compression-type=zlib", ""],
    ["gelf-address=udp://h:1 gelf-tcp-max-reconnect=3", '"gelf-tcp-max-reconnect" is only valid for TCP'],
    ["gelf-address=tcp://h:1 gelf-tcp-max-reconnect=x", '"gelf-tcp-max-reconnect" must be a positive integer'],
    ["gelf-address=tcp://h:1 gelf-tcp-reconnect-delay=-1", '"gelf-tcp-reconnect-delay" must be a positive integer'],
    ["gelf-address=tcp://h:1 gelf-tcp-reconnect-delay=0", ""],
    ["gelf-address=tcp://h:1 gelf-compression-type=gzip", "compression is only supported on UDP"],
  ],
  fluentd: [
    ["nosuch=1 fluentd-address=x/y", "unknown log opt 'nosuch' for fluentd log driver"],
    [
      "fluentd-address=tcp://h:x",
      'invalid fluentd-address (tcp://h:x): parse "tcp://h:x": invalid port ":x" after host',
    ],
    [
      "fluentd-address=tcp://h:70000",
      'invalid fluentd-address (tcp://h:70000): invalid port: strconv.ParseUint: parsing "70000": value out of range',
    ],
    ["fluentd-address=unix://", "invalid fluentd-address (unix://): path is empty"],
    ["fluentd-address=unix:///", "invalid fluentd-address (unix:///): path is empty"],
    ["fluentd-address=http://x", "invalid fluentd-address (http://x): unsupported scheme: 'http'"],
    ["fluentd-address=tcp://x/y", "invalid fluentd-address (tcp://x/y): should not contain a path element"],
    ["fluentd-address=unix:x", 'invalid fluentd-address (unix:x): parse "tcp://unix:x": invalid port ":x" after host'],
    ["fluentd-address=[::1", "invalid fluentd-address ([::1): parse \"tcp://[::1\": missing ']' in host"],
    ["fluentd-address=localhost:", ""],
    ["fluentd-address=:24", ""],
    ["fluentd-address=TCP://h", ""],
    ["fluentd-buffer-limit=1x fluentd-async=x", "invalid suffix: 'x'"],
    ["fluentd-buffer-limit=x", "invalid size: 'x'"],
    ["fluentd-retry-wait=x fluentd-max-retries=x", 'time: invalid duration "x"'],
    ["fluentd-retry-wait=1", 'time: missing unit in duration "1"'],
    ["fluentd-retry-wait=-1s", ""],
    ["fluentd-max-retries=-1", 'strconv.ParseUint: parsing "-1": invalid syntax'],
    [
      "fluentd-max-retries=99999999999999999999",
      'strconv.ParseUint: parsing "99999999999999999999": value out of range',
    ],
    ["fluentd-async=x fluentd-async-reconnect-interval=x", 'strconv.ParseBool: parsing "x": invalid syntax'],
    ["fluentd-request-ack=x", 'strconv.ParseBool: parsing "x": invalid syntax'],
    ["fluentd-sub-second-precision=x", 'strconv.ParseBool: parsing "x": invalid syntax'],
    [
      "fluentd-async-reconnect-interval=1x fluentd-request-ack=x",
      'invalid value for fluentd-async-reconnect-interval: time: unknown unit "x" in duration "1x"',
    ],
    [
      "fluentd-async-reconnect-interval=1ms",
      'invalid value for fluentd-async-reconnect-interval: value ("1ms") must be between 100ms and 10s',
    ],
    [
      "fluentd-async-reconnect-interval=-1s",
      'invalid value for fluentd-async-reconnect-interval: value ("-1s") must be between 100ms and 10s',
    ],
    ["fluentd-async-reconnect-interval=0", ""],
    [
      "fluentd-write-timeout=1",
      'invalid value for fluentd-write-timeout: value must be a duration: time: missing unit in duration "1"',
    ],
    [
      "fluentd-write-timeout=-1s",
      "invalid value for fluentd-write-timeout: value must be a duration that is non-negative",
    ],
    ["fluentd-write-timeout=1m30s fluentd-async= fluentd-request-ack=", ""],
  ],
};

/** What berth has besides, or says earlier. */
const OWN: typeof TABLES = {
  "json-file": [
    ["compress=maybe", "error parsing option compress: invalid value 'maybe'"],
    ["labels-regex=[", "error parsing regexp: missing closing ]: `[`"],
  ],
  local: [["max-size=1kk", "invalid value for max-size: 1kk: invalid suffix: 'kk'"]],
  syslog: [
    ["syslog-tls-skip-verify=x", "error parsing option syslog-tls-skip-verify: invalid value 'x'"],
    ["syslog-address=udp://a:99999", 'invalid port: strconv.ParseUint: parsing "99999": value out of range'],
    ["syslog-address=unix:///not/there/yet", ""],
  ],
  fluentd: [
    ["fluentd-read-timeout=0 fluentd-async-connect=true", ""],
    [
      "fluentd-read-timeout=1 day",
      'invalid value for fluentd-read-timeout: value must be a duration: time: unknown unit " day" in duration "1 day"',
    ],
    ["fluentd-address=a:1:2", "invalid fluentd-address (a:1:2): address a:1:2: too many colons in address"],
  ],
  otlp: [
    ["otlp-endpoint=x", "otlp-endpoint should be in form proto://address, got x"],
    ["otlp-timeout=0", "error parsing option otlp-timeout: invalid value '0'"],
    ["otlp-headers=x", 'invalid otlp-headers: "x" is not name=value'],
    ["otlp-compression=x", "invalid otlp-compression: x: it is gzip or none"],
    ["otlp-endpoint=https://h:1/x otlp-headers=a=b,c=d otlp-compression=gzip otlp-timeout=3", ""],
  ],
};

for (const [title, tables] of [
  ["options, as the real engine answers them", TABLES],
  ["options of berth's own", OWN],
] as const)
  describe(title, () => {
    for (const [driver, rows] of Object.entries(tables)) {
      test.each(rows)(`${driver}: %s`, (line, text) => {
        expect(answer(driver, optionsOf(line))).toBe(text);
      });
    }
  });

/** Words of `name=value`; a word without `=` belongs to the value before it. */
function optionsOf(line: string): Record<string, string> {
  const pairs = line.split(/ (?=[a-z-]+=)/).map((word) => /^([^=]*)=(.*)$/s.exec(word)?.slice(1) ?? [word, ""]);
  return Object.fromEntries(pairs) as Record<string, string>; // two members each
}

function answer(driver: string, options: Record<string, string>): string {
  try {
    LOG_DRIVERS.get(driver)?.validate(options);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
