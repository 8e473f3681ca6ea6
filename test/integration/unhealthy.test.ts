import { expect, test } from "bun:test";
import { startEngine } from "../support/engine.ts";
import { eventually } from "../support/wait.ts";

test("an unhealthy container is restarted by its policy when it asks for it", async () => {
  await using engine = await startEngine();
  const flags = ["--restart-on-unhealthy", "--restart=on-failure:1", "--init", "--health-cmd=false"];
  const checks = ["--health-interval=50ms", "--health-retries=1"];
  const run = await engine.berth(["run", "-d", "--name=ill", ...flags, ...checks, "busybox:local", "sleep", "100000"]);
  expect(run.stderr).toBe("");
  const once = ["start", "health_status: unhealthy", "restart_on_unhealthy", "die"];
  const actions = await eventually("the end after one more try", async () => {
    const { text } = await engine.api("GET", `/events?since=0&until=${(Date.now() / 1000).toFixed(3)}`);
    const told = [...text.matchAll(/"Action":"(start|health_status: unhealthy|restart_on_unhealthy|die)"/g)];
    return told.length >= 2 * once.length && told.map(([, action]) => action);
  });
  expect(actions).toEqual([...once, ...once]);
  const { json } = await engine.api("GET", "/containers/ill/json");
  expect(json).toMatchObject({ RestartCount: 1, State: { Status: "exited" } });
});
