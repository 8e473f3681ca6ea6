import { body, defineOperations, json, none } from "../operation.ts";
import { boolean, filters, list, time } from "../query.ts";

const EVENT_FILTERS = [
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
] as const;

const ping = { path: "/_ping", query: {}, body: none, success: [200], answer: { kind: "text" } } as const;

export const systemOperations = defineOperations({
  systemPing: { method: "GET", since: "1.11", ...ping },
  systemPingHead: { method: "HEAD", since: "1.40", ...ping },
  systemVersion: {
    method: "GET",
    path: "/version",
    since: "1.0",
    query: {},
    body: none,
    success: [200],
    answer: json("SystemVersion"),
  },
  systemInfo: {
    method: "GET",
    path: "/info",
    since: "1.0",
    query: {},
    body: none,
    success: [200],
    answer: json("SystemInfo"),
  },
  systemAuth: {
    method: "POST",
    path: "/auth",
    since: "1.0",
    query: {},
    body: body("AuthConfig"),
    success: [200, 204],
    answer: json("AuthResponse"),
  },
  systemEvents: {
    method: "GET",
    path: "/events",
    since: "1.3",
    query: { since: time(), until: time(), filters: filters(EVENT_FILTERS) },
    body: none,
    success: [200],
    answer: { kind: "json-lines", type: "EventMessage" },
  },
  pluginList: {
    method: "GET",
    path: "/plugins",
    since: "1.24",
    query: { filters: filters(["capability", "enabled"]) },
    body: none,
    success: [200],
    answer: json("Plugin[]"),
  },
  systemDataUsage: {
    method: "GET",
    path: "/system/df",
    since: "1.25",
    query: { type: list({ since: "1.42" }), verbose: boolean(false, { since: "1.52" }) },
    body: none,
    success: [200],
    answer: json("SystemDataUsageResponse"),
  },
});
