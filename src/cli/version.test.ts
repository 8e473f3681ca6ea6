import { expect, test } from "bun:test";
import { main } from "./index.ts";
import { FakeEngine } from "./testing/fake-engine.ts";
import { ScriptedIo } from "./testing/scripted-io.ts";

const SERVER = { Version: "1", ApiVersion: "1.51", MinAPIVersion: "1.24", Platform: { Name: "p" }, Components: [] };

async function formatted(format: string) {
  await using engine = await FakeEngine.start(() => ({ json: SERVER }));
  const io = new ScriptedIo(engine.env);
  const code = await main(["version", "--format", format], io);
  return { code, stdout: io.stdout, stderr: io.stderr };
}

test("templates name members as Docker's do", async () => {
  const { stdout } = await formatted("{{.Client.GitCommit}} {{.Server.APIVersion}} {{.Server.Platform.Name}}");
  expect(stdout).toMatch(/^\w+ 1\.51 p\n$/);
  expect(JSON.parse((await formatted("{{json .Client}}")).stdout)).toMatchObject({ ApiVersion: "1.51" });
});

test("a member that is not there is an error", async () => {
  expect(await formatted("{{.Client.Foo}}")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("can't evaluate field Foo in type system.clientVersion"),
  });
});
