import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BERTH } from "../../support/engine.ts";
import { existsSync } from "node:fs";
import { run } from "../../support/process.ts";

/** Commands that are programs of Docker's plugin folders. */
describe("plugins", () => {
  let folder = "";
  let plugins = "";

  /** A plugin that says what it is, leaves a mark that it was asked, and shows what it is run with. */
  async function plugin(path: string, metadata: string, code = 0): Promise<void> {
    const script = `#!/bin/sh
if [ "$1" = docker-cli-plugin-metadata ]; then echo asked >> "${folder}/asked"; echo '${metadata}'; exit ${code}; fi
echo "$0 $*"
echo "host=$DOCKER_HOST command=$DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND"
cat
exit 7
`;
    await writeFile(path, script);
    await chmod(path, 0o755);
  }
  const said = (more: object) => JSON.stringify({ SchemaVersion: "0.1.0", Vendor: "Somebody", ...more });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-plugins-"));
    plugins = join(folder, "cli-plugins");
    const extra = join(folder, "extra");
    await Promise.all([mkdir(plugins), mkdir(extra)]);
    await writeFile(join(folder, "config.json"), JSON.stringify({ cliPluginsExtraDirs: [extra] }));
    await plugin(join(plugins, "docker-tell"), said({ Version: "1", ShortDescription: "Tells" }));
    await plugin(join(plugins, "docker-twice"), said({ ShortDescription: "behind" }));
    await plugin(join(extra, "docker-twice"), said({ ShortDescription: "Before" }));
    await plugin(join(plugins, "docker-ps"), said({}));
    await plugin(join(plugins, "docker-container"), said({}));
    await plugin(join(plugins, "docker-Bad-Name"), said({}));
    await plugin(join(plugins, "docker-fails"), said({}), 3);
    await plugin(join(plugins, "docker-garbage"), "oops");
    await plugin(join(plugins, "docker-number"), said({ Vendor: 3 }));
    await plugin(join(plugins, "docker-old"), said({ SchemaVersion: "9.1.0" }));
    await plugin(join(plugins, "docker-vendorless"), said({ Vendor: "" }));
    await plugin(join(plugins, "docker-locked"), said({}));
    await chmod(join(plugins, "docker-locked"), 0o644);
    await writeFile(join(plugins, "docker-noise"), "xx");
    await chmod(join(plugins, "docker-noise"), 0o755);
    await plugin(join(plugins, "other"), said({}));
    await mkdir(join(plugins, "docker-folder"));
    await symlink("nowhere", join(plugins, "docker-broken"));
    await symlink("docker-tell", join(plugins, "docker-link"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const berth = (line: string, env: Record<string, string> = {}, input = "") =>
    run(BERTH, line.split(" "), {
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, DOCKER_CONFIG: folder, ...env },
      input,
    });

  test.each([
    ["tell a -b --help", "tell a -b --help"],
    ["-D tell", "-D tell"],
    ["--version tell", "--version tell"],
    ["--help tell", "--help tell"],
    ["help tell", "help tell"],
    ["link x", "link x"],
  ])("%s is the plugin's, which gets the whole line, the input, and gives its exit code", async (line, args) => {
    const name = args.includes("link") ? "link" : "tell";
    expect(await berth(line, {}, "input\n")).toMatchObject({
      code: 7,
      stdout: `${plugins}/docker-${name} ${args}\nhost=unix:///run/berth.sock command=${BERTH}\ninput\n`,
      stderr: "",
    });
  });

  test.each([
    ["tell", {}, "unix:///run/berth.sock"],
    ["tell", { BERTH_HOST: "unix:///b" }, "unix:///b"],
    ["tell", { DOCKER_HOST: "unix:///d" }, "unix:///d"],
    ["tell", { DOCKER_CONTEXT: "far" }, ""],
    ["-c far tell", {}, ""],
    ["-H unix:///h tell", {}, ""],
  ])("%s with %p finds the engine at %p, or by what it was told itself", async (line, env, host) => {
    expect((await berth(line, env)).stdout).toContain(`\nhost=${host} command=`);
  });

  test("the first folder that has a plugin wins", async () => {
    expect((await berth("twice")).stdout).toContain(join(folder, "extra/docker-twice"));
  });

  test.each(["fails", "garbage", "old", "vendorless", "locked", "noise", "Bad-Name", "broken", "folder", "none"])(
    "%s is no command",
    async (name) => {
      expect(await berth(name)).toMatchObject({
        code: 1,
        stdout: "",
        stderr: `berth: unknown command: berth ${name}\n\nRun 'berth --help' for more information\n`,
      });
    },
  );

  const FAULTS: readonly (readonly [name: string, fault: string])[] = [
    ["Bad-Name", 'plugin candidate "Bad-Name" did not match "^[a-z][a-z0-9]*$"'],
    ["container", 'plugin "container" duplicates builtin command'],
    ["fails", "failed to fetch metadata: exit status 3"],
    ["garbage", "invalid metadata: invalid character 'o' looking for beginning of value"],
    ["locked", "failed to fetch metadata: fork/exec PATH: permission denied"],
    ["noise", "failed to fetch metadata: fork/exec PATH: exec format error"],
    ["number", "invalid metadata: json: cannot unmarshal number into Go struct field Metadata.Vendor of type string"],
    ["old", 'plugin SchemaVersion "9.1.0" is not valid, must be 0.1.0'],
    ["ps", 'plugin "ps" duplicates builtin command'],
    ["vendorless", "plugin metadata does not define a vendor"],
  ];
  const faultOf = (name: string, fault: string) => fault.replace("PATH", join(plugins, `docker-${name}`));

  test("help lists them among the commands, and below those that cannot be used", async () => {
    const { stdout } = await berth("--help");
    expect(stdout.match(/^ {2}\w+\* .*$/gm)).toEqual([
      "  link*       Tells",
      "  tell*       Tells",
      "  twice*      Before",
    ]);
    const [, invalid = ""] = /Invalid Plugins:\n(.*?)\n\n/s.exec(stdout) ?? [];
    expect(invalid.split("\n")).toEqual(FAULTS.map(([name, fault]) => `  ${name.padEnd(11)} ${faultOf(name, fault)}`));
  });

  test("info lists them, and warns of those that cannot be used", async () => {
    const env = { DOCKER_HOST: "unix:///nonexistent" };
    const { stdout, stderr } = await berth("info", env);
    expect(stdout).toContain(
      ` Plugins:
  link: Tells (Somebody)
    Version:  1
    Path:     ${plugins}/docker-link
  tell: Tells (Somebody)
    Version:  1
    Path:     ${plugins}/docker-tell
  twice: Before (Somebody)
    Path:     ${folder}/extra/docker-twice

Server:
`,
    );
    const warnings = FAULTS.map(
      ([name, fault]) => `WARNING: Plugin "${plugins}/docker-${name}" is not valid: ${faultOf(name, fault)}`,
    );
    expect(stderr.split("\n").slice(0, FAULTS.length)).toEqual(warnings);
    const { ClientInfo } = JSON.parse((await berth("info -f json", env)).stdout) as {
      ClientInfo: { Plugins: readonly Record<string, unknown>[] };
    };
    expect(ClientInfo.Plugins.find((each) => each["Name"] === "twice")).toEqual({
      SchemaVersion: "0.1.0",
      Vendor: "Somebody",
      ShortDescription: "Before",
      Name: "twice",
      Path: `${folder}/extra/docker-twice`,
      ShadowedPaths: [`${plugins}/docker-twice`],
    });
  });

  test("nobody asks them for a command of berth's own", async () => {
    await rm(join(folder, "asked"), { force: true });
    await berth("ps", { DOCKER_HOST: "unix:///nonexistent" });
    await berth("container");
    await berth("ps --help");
    expect(existsSync(join(folder, "asked"))).toBe(false);
    await berth("tell");
    expect(existsSync(join(folder, "asked"))).toBe(true);
  });
});
