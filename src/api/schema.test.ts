import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type ApiDocument, schemaProblems } from "./schema.ts";

const fixture = new URL("../../test/fixtures/api/swagger.json", import.meta.url);
const document = JSON.parse(readFileSync(fixture, "utf8")) as ApiDocument; // our own fixture

test("what the document allows has no problems", () => {
  const event = {
    Type: "container",
    Action: "start",
    Actor: { ID: "a", Attributes: { name: "x" } },
    scope: "local",
    time: 1,
  };
  expect(schemaProblems(document, { $ref: "#/definitions/EventMessage" }, event)).toEqual([]);
  const created = { Id: "a", Warnings: [] };
  expect(schemaProblems(document, { $ref: "#/definitions/ContainerCreateResponse" }, created)).toEqual([]);
});

test("wrong types, missing members and foreign values are told by their path", () => {
  expect(schemaProblems(document, { $ref: "#/definitions/ContainerCreateResponse" }, { Warnings: [1] })).toEqual([
    ".Id: missing",
    ".Warnings[0]: number where string is declared",
  ]);
  expect(schemaProblems(document, { $ref: "#/definitions/EventMessage" }, { Type: "cloud" })).toEqual([
    '.Type: "cloud" is none of the declared values',
  ]);
});

test("a member that is one of a named set of values is checked as such", () => {
  const mount = { $ref: "#/definitions/MountPoint" };
  expect(schemaProblems(document, mount, { Type: "volume" })).toEqual([]);
  expect(schemaProblems(document, mount, { Type: "cloud" })).toEqual(['.Type: "cloud" is none of the declared values']);
});

test("every response of the document can be checked", () => {
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path)) {
      for (const response of Object.values(operation.responses ?? {})) {
        if (response.schema !== undefined) schemaProblems(document, response.schema, {});
      }
    }
  }
});
