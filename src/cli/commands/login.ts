import type { AuthResponse } from "../../api/index.ts";
import { updateConfigFile } from "../../client/index.ts";
import { atMost, type Context, defineCommand } from "../command.ts";
import { readLine } from "../confirm.ts";
import { helperOf, readStoredAuth, runHelper } from "../credentials.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool, string } from "../flags.ts";
import { authKey, HUB_KEY } from "../registry-auth.ts";

export default defineCommand({
  usage: "[OPTIONS] [SERVER]",
  description: "Sign in to a registry.\nWithout a server it is Docker Hub.",
  count: atMost(1),
  flags: {
    password: string("Password or access token", { short: "p" }),
    "password-stdin": bool("Read the password from standard input"),
    username: string("User name", { short: "u" }),
  },
  async run(context, { flags, args: [server] }) {
    const { io } = context;
    const key = server === undefined ? HUB_KEY : authKey(server.replace(/^https?:\/\//, "").replace(/\/.*$/, ""));
    let password = flags.password;
    if (password !== "") {
      if (flags["password-stdin"])
        throw new CliError("conflicting options: cannot specify both --password and --password-stdin");
      io.err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    }
    if (flags["password-stdin"]) {
      if (flags.username === "") throw new CliError("the --password-stdin option requires --username to be set");
      password = (await readAll(context)).replace(/\r?\n$/, "");
    }
    const { username, secret } = await credentials(context, key, flags.username, password);
    const { Status, IdentityToken = "" } = await (
      await context.client()
    ).json<AuthResponse>("POST", "/auth", {
      json: { username, password: secret, serveraddress: key },
    });
    await store(context, key, username, secret, IdentityToken);
    io.out(`${Status}\n`);
  },
});

async function credentials(
  context: Context,
  key: string,
  username: string,
  password: string,
): Promise<{ username: string; secret: string }> {
  if (username !== "" && password !== "") return { username, secret: password };
  const stored = username === "" && password === "" ? await readStoredAuth(await context.config(), key) : undefined;
  if (stored?.username !== undefined && stored.password !== undefined)
    return { username: stored.username, secret: stored.password };
  if (!(await context.io.isTerminal(0)))
    throw new CliError("Error: Cannot perform an interactive login from a non TTY device");
  const { io } = context;
  let name = username;
  if (name === "") {
    io.err("Username: ");
    await io.flush();
    name = (await readLine(io)).trim();
  }
  if (name === "") throw new CliError("Error: Non-null Username Required");
  io.err("Password: ");
  await io.flush();
  const restore = await io.rawMode();
  try {
    const secret = await readSecret(context);
    if (secret === "") throw new CliError("Error: Password Required");
    return { username: name, secret };
  } finally {
    restore();
    io.err("\n");
  }
}

/** A line typed without echo. @throws CliError when it is broken off. */
async function readSecret({ io }: Context): Promise<string> {
  const bytes: number[] = [];
  for await (const chunk of io.stdin()) {
    for (const byte of chunk) {
      if (byte === 13 || byte === 10) return Buffer.from(bytes).toString();
      if (byte === 3) throw new CliError("", 130);
      if (byte === 127 || byte === 8) bytes.pop();
      else bytes.push(byte);
    }
  }
  return Buffer.from(bytes).toString();
}

async function readAll({ io }: Context): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function store(context: Context, key: string, username: string, secret: string, token: string): Promise<void> {
  const config = await context.config();
  const helper = helperOf(config, key);
  if (helper !== undefined) {
    const kept = {
      ServerURL: key,
      Username: token === "" ? username : "<token>",
      Secret: token === "" ? secret : token,
    };
    await runHelper(helper, "store", JSON.stringify(kept)).catch((error: unknown) => {
      throw new CliError(`Error saving credentials: ${messageOf(error)}`);
    });
    await updateConfigFile(context.configDirectory, (before) => ({ ...before, auths: { ...before.auths, [key]: {} } }));
    return;
  }
  context.io.err(
    `\nWARNING! Your credentials are stored unencrypted in '${context.configDirectory}/config.json'.\n` +
      "Configure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n",
  );
  const auth =
    token === ""
      ? { auth: Buffer.from(`${username}:${secret}`).toString("base64") }
      : { auth: Buffer.from(`${username}:`).toString("base64"), identitytoken: token };
  await updateConfigFile(context.configDirectory, (before) => ({ ...before, auths: { ...before.auths, [key]: auth } }));
}
