import type { SystemVersion } from "../../api/index.ts";
import { API_VERSION, ClientError, contextName } from "../../client/index.ts";
import type { Struct as StructClass } from "../../template/index.ts";
import { defineCommand, none } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { string } from "../flags.ts";
import { BUILD_TIME, CLIENT_VERSION, GIT_COMMIT } from "../version.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: { format: string("How to print: 'json' or a Go template", { short: "f" }) },
  async run(context, { flags }) {
    const render = await renderer(flags.format);
    const settings = await context.endpointSettings();
    const client = await context.client();
    let server: SystemVersion | undefined;
    let failure: unknown;
    try {
      server = await client.json<SystemVersion>("GET", "/version");
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      failure = error;
    }
    const versions = {
      Client: {
        Version: CLIENT_VERSION,
        ApiVersion: client.version,
        DefaultAPIVersion: API_VERSION,
        GitCommit: GIT_COMMIT,
        GoVersion: "none",
        Os: "linux",
        Arch: process.arch === "x64" ? "amd64" : process.arch,
        BuildTime: built(BUILD_TIME),
        Context: contextName(settings),
      },
      Server: server ?? null,
    };
    context.io.out(render(versions));
    if (failure !== undefined) throw failure;
  },
});

interface Versions {
  Client: {
    Version: string;
    ApiVersion: string;
    DefaultAPIVersion: string;
    GitCommit: string;
    GoVersion: string;
    Os: string;
    Arch: string;
    BuildTime: string;
    Context: string;
  };
  Server: SystemVersion | null;
}

/** Members as templates name them, in the order that they are printed in. */
function templateData(Struct: typeof StructClass, versions: Versions): StructClass {
  const { Client, Server } = versions;
  const { Version, ApiVersion, ...rest } = Client;
  const client = { Platform: null, Version, APIVersion: ApiVersion, ...rest };
  const component = ({ Name, Version: version, Details }: NonNullable<SystemVersion["Components"]>[number]) =>
    new Struct("types.ComponentVersion", { Name, Version: version, Details: Details ?? null });
  const server = Server && {
    Platform: new Struct("struct { Name string }", { Name: Server.Platform?.Name ?? "" }),
    Components: (Server.Components ?? []).map(component),
    Version: Server.Version ?? "",
    APIVersion: Server.ApiVersion ?? "",
    MinAPIVersion: Server.MinAPIVersion ?? "",
    GitCommit: Server.GitCommit ?? "",
    GoVersion: Server.GoVersion ?? "",
    Os: Server.Os ?? "",
    Arch: Server.Arch ?? "",
    KernelVersion: Server.KernelVersion ?? "",
    Experimental: Server.Experimental ?? false,
    BuildTime: Server.BuildTime ?? "",
  };
  return new Struct(
    "system.versionInfo",
    {
      Client: new Struct("system.clientVersion", client, () => Client),
      Server: server && new Struct("*types.Version", server, () => Server),
    },
    () => versions,
  );
}

async function renderer(format: string): Promise<(versions: Versions) => string> {
  if (format === "") return plain;
  if (format === "json") return (versions) => `${JSON.stringify(versions)}\n`;
  const { compileTemplate, Struct, TemplateError } = await import("../../template/index.ts");
  try {
    const template = compileTemplate(format, { name: "version" });
    return (versions) => {
      try {
        return `${template.execute(templateData(Struct, versions))}\n`;
      } catch (error) {
        const written = error instanceof TemplateError ? error.written : "";
        throw new CliError(messageOf(error), 1, { stdout: `${written}\n` });
      }
    };
  } catch (error) {
    throw new CliError(`template parsing error: ${messageOf(error)}`, 64);
  }
}

function plain({ Client, Server }: Versions): string {
  const line = (label: string, value: string, indent = 1) => `${" ".repeat(indent)}${label}:`.padEnd(20) + `${value}\n`;
  const downgraded =
    Client.ApiVersion === Client.DefaultAPIVersion ? "" : ` (downgraded from ${Client.DefaultAPIVersion})`;
  let text =
    "Client:\n" +
    line("Version", Client.Version) +
    line("API version", `${Client.ApiVersion}${downgraded}`) +
    line("Git commit", Client.GitCommit) +
    (Client.BuildTime === "" ? "" : line("Built", Client.BuildTime)) +
    line("OS/Arch", `${Client.Os}/${Client.Arch}`) +
    line("Context", Client.Context);
  if (Server === null) return text;
  const platform = Server.Platform?.Name ?? "";
  text += `\nServer:${platform === "" ? "" : ` ${platform}`}\n`;
  for (const { Name, Version, Details } of Server.Components ?? []) {
    const detail = (name: string) => {
      const value = Details?.[name];
      return typeof value === "string" ? value : "";
    };
    text += ` ${Name}:\n${line("Version", Version, 2)}`;
    if (Name !== "Engine") {
      text += line("GitCommit", detail("GitCommit"), 2);
      continue;
    }
    const optional = (label: string, value: string) => (value === "" ? "" : line(label, value, 2));
    text +=
      line("API version", `${detail("ApiVersion")} (minimum version ${detail("MinAPIVersion")})`, 2) +
      optional("Go version", detail("GoVersion")) +
      optional("Git commit", detail("GitCommit")) +
      optional("Built", built(detail("BuildTime"))) +
      line("OS/Arch", `${detail("Os")}/${detail("Arch")}`, 2) +
      line("Experimental", detail("Experimental") || "false", 2);
  }
  return text;
}

/** `Tue Sep 15 11:02:57 2026`, whichever way the engine wrote it. */
function built(text: string): string {
  const date = new Date(text);
  if (text === "" || Number.isNaN(date.getTime()) || !/^\d{4}-/.test(text)) return text;
  const [weekday = "", day = "", month = "", year = "", time = ""] = date.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${day.replace(/^0/, " ")} ${time} ${year}`;
}
