import { expect, test } from "bun:test";
import { Counter, Gauge, Histogram, Timers } from "./instruments.ts";
import { metricsText } from "./text.ts";

test("families are written by name, with help, type and labels", async () => {
  const counter = new Counter("b_total", "Things");
  counter.add();
  counter.add(2);
  const gauge = new Gauge("a_bytes", "Of a\nand \\b", async () => [{ labels: { name: 'x"\\\n' }, value: 4.5 }]);
  expect(await metricsText([counter, gauge])).toBe(
    [
      "# HELP a_bytes Of a\\nand \\\\b",
      "# TYPE a_bytes gauge",
      'a_bytes{name="x\\"\\\\\\n"} 4.5',
      "# HELP b_total Things",
      "# TYPE b_total counter",
      "b_total 3",
      "",
    ].join("\n"),
  );
});

test("a histogram counts each observation in every bucket that it is not above", async () => {
  const histogram = new Histogram("t_seconds", "Time");
  for (const seconds of [0.005, 0.006, 3, 100]) histogram.observe(seconds);
  const text = await metricsText([histogram]);
  expect(text).toContain('t_seconds_bucket{le="0.005"} 1\nt_seconds_bucket{le="0.01"} 2\n');
  expect(text).toContain('t_seconds_bucket{le="2.5"} 2\nt_seconds_bucket{le="5"} 3\nt_seconds_bucket{le="10"} 3\n');
  expect(text).toContain('t_seconds_bucket{le="+Inf"} 4\nt_seconds_sum 103.011\nt_seconds_count 4\n');
});

test("timers count what succeeds, by label, and show known labels from the start", async () => {
  const timers = new Timers<"start" | "stop">("t_seconds", "Time", "action", ["start"]);
  const counts = async () =>
    Object.fromEntries(
      [...(await metricsText([timers])).matchAll(/_count\{action="(\w+)"\} (\d+)/g)].map((match) => match.slice(1)),
    );
  expect(await counts()).toEqual({ start: "0" });
  expect(await timers.time("stop", async () => "done")).toBe("done");
  await expect(timers.time("start", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  const steps = timers.sequence();
  steps.done("start");
  steps.done("stop");
  expect(await counts()).toEqual({ start: "1", stop: "2" });
});
