import { expect, test } from "bun:test";
import { judgeCreateBody } from "./create-members.ts";

test("a body without any config is refused with Docker's text", () => {
  const text = "config cannot be empty in order to create a container";
  expect(judgeCreateBody({}).refusal?.message).toBe(text);
  expect(judgeCreateBody({ HostConfig: { Memory: 1 } }).refusal?.message).toBe(text);
});

test("what asks for nothing is not refused", () => {
  const body = { Image: "a", HostConfig: { Cgroup: "" } };
  expect(judgeCreateBody(body)).toEqual({ warnings: [], refusal: undefined });
});

test("what cannot be had is refused", () => {
  const judgement = judgeCreateBody({ Image: "a", HostConfig: { Cgroup: "container:other" } });
  expect(judgement.refusal?.kind).toBe("not-implemented");
  expect(judgement.refusal?.message).toContain("another container's cgroup");
});

test("what is dropped is told", () => {
  expect(judgeCreateBody({ Image: "a", HostConfig: { CpuCount: 2 } }).warnings).toEqual([
    "linux does not support CPU count. CPU count discarded.",
  ]);
  expect(judgeCreateBody({ Image: "a", HostConfig: { CpuCount: 0 } }).warnings).toEqual([]);
});
