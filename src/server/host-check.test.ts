import { expect, test } from "bun:test";
import { checkHost } from "./host-check.ts";
import { parseHead } from "./http/index.ts";

const NAMES = new Set(["engine.example.org"]);
const check = (...fields: string[]) => checkHost(parseHead(["GET / HTTP/1.1", ...fields].join("\r\n"), 10), NAMES);

test.each([
  "127.0.0.1:2375",
  "[::1]:2375",
  "localhost",
  "docker:2375",
  "api.moby.localhost",
  "ENGINE.example.org.:80",
  "",
])("a client may say Host: %s", (host) => {
  expect(() => check(`Host: ${host}`)).not.toThrow();
});

test.each(["evil.example.com", "evil.example.com:2375", "127.0.0.1.nip.io", "engine.example.org.evil.com"])(
  "a page at %s cannot reach the engine",
  (host) => {
    expect(() => check(`Host: ${host}`)).toThrow("this host is not known as");
  },
);

test("a request of a web page is refused whatever its host", () => {
  expect(() => check("Host: 127.0.0.1", "Origin: http://127.0.0.1")).toThrow("web pages");
});
