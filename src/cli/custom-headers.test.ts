import { describe, expect, test } from "bun:test";
import { checkHeaders, customHeaders } from "./custom-headers.ts";
import { main } from "./index.ts";
import { FakeEngine } from "./testing/fake-engine.ts";
import { ScriptedIo } from "./testing/scripted-io.ts";

describe("headers of the environment", () => {
  test.each([
    ["", {}],
    ["a=b,c=d e ", { A: "b", C: "d e " }],
    ['"a=b,c",d=', { A: "b,c", D: "" }],
    [" x-some-NAME = b", { "X-Some-Name": " b" }],
    ["a=1,A=2", { A: "2" }],
    ["a=b\nc=d", { A: "b" }],
  ])("%p", (text, headers) => {
    expect(customHeaders(text)).toEqual(headers);
  });

  const LEAD = "Failed to initialize: failed to set custom headers from DOCKER_CUSTOM_HEADERS environment variable: ";
  test.each([
    ["a", `${LEAD}missing "=" in key=value pair: 'a'`],
    ["a=b,", `${LEAD}value contains a key=value pair with an empty key: ''`],
    ["  ", `${LEAD}value contains a key=value pair with an empty key: '  '`],
    [
      '"a=b',
      "Failed to initialize: failed to parse custom headers from DOCKER_CUSTOM_HEADERS environment variable: " +
        "value must be formatted as comma-separated key=value pairs",
    ],
  ])("%p is refused", (text, said) => {
    expect(() => customHeaders(text)).toThrow(said);
  });

  test.each([[{ "a b": "1" }], [{ "": "1" }], [{ A: "1\r\nB: 2" }]])("%p is no header", (headers) => {
    expect(() => checkHeaders(headers)).toThrow("net/http: invalid header field");
  });

  test("take the place of those of the config file", async () => {
    await using engine = await FakeEngine.start(() => ({ json: [] }));
    const io = new ScriptedIo({ ...engine.env, DOCKER_CUSTOM_HEADERS: "from=environment" });
    await main(["ps"], io);
    expect(io.stderr).toBe("");
    expect(engine.requests[0]?.headers).toContain("From: environment");
  });
});
