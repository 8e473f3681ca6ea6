import type { SystemInfo } from "../../api/index.ts";
import { ClientError, contextName } from "../../client/index.ts";
import { defineCommand, none } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { string } from "../flags.ts";
import { described, pluginLines, pluginStruct } from "../plugin-info.ts";
import { listPlugins, pluginFolders } from "../plugins.ts";
import { describeEngine } from "../engine-info.ts";
import { CLIENT_VERSION } from "../version.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: { format: string("How to print: 'json' or a Go template", { short: "f" }) },
  async run(context, { flags }) {
    const client = await context.client();
    const settings = await context.endpointSettings();
    const plugins = await listPlugins(pluginFolders(context.configDirectory, await context.config()));
    const local = {
      Debug: context.debug,
      Context: contextName(settings),
      Plugins: plugins.map(described),
      Warnings: null,
    };
    const template = flags.format === "" || flags.format === "json" ? undefined : await compile(flags.format);
    let engine: SystemInfo | undefined;
    let failure: ClientError | undefined;
    try {
      engine = await client.json<SystemInfo>("GET", "/info");
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      failure = error;
    }
    if (flags.format === "json") {
      context.io.out(
        `${JSON.stringify({ ...engine, ...(failure === undefined ? {} : { ServerErrors: [failure.message] }), ClientInfo: local })}\n`,
      );
      return failure === undefined ? 0 : 1;
    }
    if (template !== undefined) {
      if (engine === undefined) throw failure ?? new CliError("no engine");
      const { Struct: struct, TemplateError } = await import("../../template/index.ts");
      const members = { ...local, Plugins: plugins.map((each) => pluginStruct(struct, each)) };
      const json = () => ({ ...engine, ClientInfo: local });
      try {
        const info = new struct("system.dockerInfo", templateMembers(engine, members), json);
        context.io.out(`${template.execute(info)}\n`);
      } catch (error) {
        const written = error instanceof TemplateError ? error.written : "";
        throw new CliError(messageOf(error), 1, { stdout: `${written}\n` });
      }
      return 0;
    }
    const head = `Client:\n Version:    ${CLIENT_VERSION}\n Context:    ${local.Context}\n Debug Mode: ${local.Debug}\n${pluginLines(plugins)}`;
    context.io.out(head);
    for (const { path, fault } of plugins) {
      if (fault !== undefined) context.io.err(`WARNING: Plugin ${JSON.stringify(path)} is not valid: ${fault}\n`);
    }
    context.io.out("\nServer:\n");
    if (engine === undefined) {
      throw new CliError(`${failure?.message ?? ""}\n`.trimEnd());
    }
    context.io.out(`${describeEngine(engine)}\n`);
    for (const warning of engine.Warnings ?? []) context.io.err(`${warning}\n`);
    return 0;
  },
});

/** Templates name some members otherwise than JSON does. */
function templateMembers(engine: SystemInfo, local: object): Record<string, unknown> {
  const { CpuCfsPeriod, CpuCfsQuota, HttpProxy, HttpsProxy, ...rest } = engine;
  return {
    ...rest,
    CPUCfsPeriod: CpuCfsPeriod,
    CPUCfsQuota: CpuCfsQuota,
    HTTPProxy: HttpProxy,
    HTTPSProxy: HttpsProxy,
    ClientInfo: local,
  };
}

async function compile(format: string) {
  const { compileTemplate } = await import("../../template/index.ts");
  try {
    return compileTemplate(format);
  } catch (error) {
    throw new CliError(`template parsing error: ${messageOf(error)}`, 64);
  }
}
