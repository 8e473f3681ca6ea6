import { expect, test } from "bun:test";
import { messageOf } from "../base/index.ts";
import { type BodyName, checkBody, readBody } from "./bodies.ts";
import { configMembers, endpointMembers, hostMembers } from "./create-members.ts";
import { shapes } from "./generated/bodies.ts";

function problemOf(name: BodyName, value: unknown): string {
  try {
    checkBody(name, value);
  } catch (error) {
    return messageOf(error);
  }
  return "no problem";
}

test.each([
  [{ Tty: "x" }, "invalid JSON: json: cannot unmarshal string into Go struct field .Tty of type bool"],
  [{ Image: 1 }, "invalid JSON: json: cannot unmarshal number into Go struct field .Image of type string"],
  [{ Env: "x" }, "invalid JSON: json: cannot unmarshal string into Go struct field .Env of type []string"],
  [
    { HostConfig: { Memory: 1.5 } },
    "invalid JSON: json: cannot unmarshal number 1.5 into Go struct field .HostConfig.Memory of type int64",
  ],
  [
    { ExposedPorts: { "80/tcp": 1 } },
    "invalid JSON: json: cannot unmarshal number into Go struct field .ExposedPorts.80~1tcp of type struct {}",
  ],
  [
    { HostConfig: { PortBindings: { "80/tcp": [{ HostPort: 80 }] } } },
    "invalid JSON: json: cannot unmarshal number into Go struct field .HostConfig.PortBindings.80~1tcp.0.HostPort of type string",
  ],
  [
    { HostConfig: [] },
    "invalid JSON: json: cannot unmarshal array into Go struct field .HostConfig of type container.HostConfig",
  ],
  [
    { HostConfig: { BlkioWeight: 65536 } },
    "invalid JSON: json: cannot unmarshal number 65536 into Go struct field .HostConfig.BlkioWeight of type uint16",
  ],
  [
    { HostConfig: { IOMaximumIOps: -1 } },
    "invalid JSON: json: cannot unmarshal number -1 into Go struct field .HostConfig.IOMaximumIOps of type uint64",
  ],
  [[], "invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest"],
])("a member of a wrong type is refused: %j", (body, problem) => {
  expect(problemOf("ContainerCreateBody", body)).toBe(problem);
});

test("errors name the shapes as Docker does", () => {
  expect(problemOf("NetworkCreateBody", { Name: 5 })).toBe(
    "invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Name of type string",
  );
  expect(problemOf("ContainerCreateBody", { HostConfig: { Memory: 1e30 } })).toContain("cannot unmarshal number 1e+30");
});

test("capabilities may be one string", () => {
  expect(checkBody("ContainerCreateBody", { HostConfig: { CapAdd: "CHOWN" } }).value).toEqual({
    HostConfig: { CapAdd: ["CHOWN"] },
  });
});

test("names that every object has are no members", () => {
  const { value, unknown } = readBody(
    "ContainerCreateBody",
    '{"constructor":1,"__proto__":{"Image":"a"},"toString":2}',
  );
  expect(unknown).toEqual(["constructor", "__proto__", "toString"]);
  expect(Object.keys(value)).toEqual([]);
});

test("names are taken in any case, as Go's decoder takes them", () => {
  const { value, unknown } = checkBody("ContainerCreateBody", { image: "a", HOSTCONFIG: { memory: 7 } });
  expect(value).toEqual({ Image: "a", HostConfig: { Memory: 7 } });
  expect(unknown).toEqual([]);
});

test("null is absent, and the zero value inside lists and maps", () => {
  const body = {
    Image: null,
    Env: ["a", null],
    Labels: { a: null },
    ExposedPorts: { "80/tcp": null },
    HostConfig: null,
  };
  expect(checkBody("ContainerCreateBody", body).value).toEqual({
    Env: ["a", ""],
    Labels: { a: "" },
    ExposedPorts: { "80/tcp": {} },
  });
});

test("a command may be one string", () => {
  const body = { Cmd: "ls", Entrypoint: ["sh"] };
  expect(checkBody("ContainerCreateBody", body).value).toEqual({ Cmd: ["ls"], Entrypoint: ["sh"] });
});

test("members that nobody knows are told by their path", () => {
  const body = { Foo: 1, HostConfig: { Bar: { Baz: 1 }, Mounts: [{ Qux: 1 }] } };
  const { value, unknown } = checkBody("ContainerCreateBody", body);
  expect(unknown).toEqual(["Foo", "HostConfig.Bar", "HostConfig.Mounts.0.Qux"]);
  expect(value).toEqual({ HostConfig: { Mounts: [{}] } });
});

test("a map's key is a key, whatever it is called", () => {
  const { value } = readBody("ContainerCreateBody", '{"Labels":{"__proto__":"x","constructor":"y"}}');
  expect(Object.entries(value.Labels ?? {})).toEqual([
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
  expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
});

test("every member of a create body has a treatment, and every treatment a member", () => {
  expect(Object.keys(configMembers).sort()).toEqual(Object.keys(shapes["ContainerCreateBody"] ?? {}).sort());
  expect(Object.keys(hostMembers).sort()).toEqual(Object.keys(shapes["HostConfig"] ?? {}).sort());
  expect(Object.keys(endpointMembers).sort()).toEqual(Object.keys(shapes["EndpointSettings"] ?? {}).sort());
});
