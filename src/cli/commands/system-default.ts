import { lstat, readlink, rename, rm, symlink } from "node:fs/promises";
import { listensOn, resolveEndpoint } from "../../client/index.ts";
import { type Context, defineCommand, exactly } from "../command.ts";
import { CliError } from "../errors.ts";
import { string } from "../flags.ts";

export default defineCommand({
  usage: "[OPTIONS] on|off",
  description:
    "Have Docker's clients find berth: the place where they look becomes a symbolic link to berth's socket.\n" +
    "`off` takes the link away. A place where another engine listens is left alone.",
  count: exactly(1),
  completes: "switch",
  flags: {
    link: string("Where Docker's clients look", { initial: "/var/run/docker.sock" }),
  },
  async run(context, { flags: { link }, args: [wanted] }) {
    const socket = await berthSocket(context);
    if (wanted === "on") context.io.out(await takeOver(link, socket));
    else if (wanted === "off") context.io.out(await giveBack(link, socket));
    else throw new CliError(`say on or off, not ${JSON.stringify(wanted)}`);
  },
});

async function berthSocket(context: Context): Promise<string> {
  const { host, target } = await resolveEndpoint(await context.endpointSettings());
  if (target.kind !== "unix") throw new CliError(`berth listens on ${host}: only a unix socket can be linked to`);
  return target.path;
}

async function takeOver(link: string, socket: string): Promise<string> {
  const there = await whatIs(link);
  if (there === socket) return `${link} leads to ${socket} already\n`;
  if (link === socket) return `berth listens on ${link} itself\n`;
  if (!(await listensOn(socket))) throw new CliError(`nothing listens on ${socket}: start \`berth daemon\` first`);
  if (there !== undefined && (await listensOn(link)))
    throw new CliError(`another engine listens on ${link}: stop it first`);
  if (there === "other") throw new CliError(`${link} is no socket: remove it first`);
  if (there !== undefined && there !== "socket") throw new CliError(`${link} is a link to ${there}: remove it first`);
  // A socket that a program left behind is replaced in one step, so that there is no moment without
  const made = `${link}.${process.pid}`;
  await symlink(socket, made);
  try {
    await rename(made, link);
  } catch (error) {
    await rm(made, { force: true });
    throw error;
  }
  return `${link} leads to ${socket} now\n`;
}

async function giveBack(link: string, socket: string): Promise<string> {
  if ((await whatIs(link)) !== socket) return `${link} does not lead to ${socket}: nothing to give back\n`;
  await rm(link);
  return `${link} is free again\n`;
}

/** Where a link leads, or what else is there; undefined when nothing is. */
async function whatIs(path: string): Promise<string | undefined> {
  try {
    const stat = await lstat(path);
    if (stat.isSymbolicLink()) return await readlink(path);
    return stat.isSocket() ? "socket" : "other";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
