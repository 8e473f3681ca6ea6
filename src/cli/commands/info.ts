import type { SystemInfo } from "../../api/index.ts";
import { ClientError, contextName } from "../../client/index.ts";
import { defineCommand, none } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { string } from "../flags.ts";
import { describeEngine } from "../engine-info.ts";
import { CLIENT_VERSION } from "../version.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: { format: string("How to print: 'json' or a Go template", { short: "f" }) },
  async run(context, { flags }) {
    const client = await context.client();
    const settings = await context.endpointSettings();
    const local = { Debug: context.debug, Context: contextName(settings), Plugins: [], Warnings: null };
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
      const { Struct, TemplateError } = await import("../../template/index.ts");
      try {
        context.io.out(
          `${template.execute(new Struct("system.dockerInfo", templateMembers(engine, local), () => ({ ...engine, ClientInfo: local })))}\n`,
        );
      } catch (error) {
        const written = error instanceof TemplateError ? error.written : "";
        throw new CliError(messageOf(error), 1, { stdout: `${written}\n` });
      }
      return 0;
    }
    const head = `Client:\n Version:    ${CLIENT_VERSION}\n Context:    ${local.Context}\n Debug Mode: ${local.Debug}\n\nServer:\n`;
    if (engine === undefined) {
      context.io.out(head);
      throw new CliError(`${failure?.message ?? ""}\n`.trimEnd());
    }
    context.io.out(`${head}${describeEngine(engine)}\n`);
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
