import { body, defineOperations, empty, json, none } from "../operation.ts";
import { terminalSide } from "../query.ts";

export const execOperations = defineOperations({
  containerExec: {
    method: "POST",
    path: "/containers/{id}/exec",
    since: "1.15",
    query: {},
    body: body("ExecCreateBody"),
    success: [201],
    answer: json("IDResponse"),
  },
  execStart: {
    method: "POST",
    path: "/exec/{id}/start",
    since: "1.15",
    query: {},
    body: body("ExecStartBody"),
    success: [101, 200],
    answer: { kind: "hijack" },
  },
  execResize: {
    method: "POST",
    path: "/exec/{id}/resize",
    since: "1.15",
    query: { h: terminalSide("height"), w: terminalSide("width") },
    body: none,
    success: [200],
    answer: empty,
  },
  execInspect: {
    method: "GET",
    path: "/exec/{id}/json",
    since: "1.16",
    query: {},
    body: none,
    success: [200],
    answer: json("ExecInspectResponse"),
  },
});
