import { chmod, lstat, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiCall, type Answer } from "../../support/api.ts";
import { removeCgroups } from "../../support/host.ts";
import { run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";
import { step } from "../cases/types.ts";
import { cleaned } from "../cli/compare.ts";
import { difference, flatten } from "../matrix/normalise.ts";
import { UNKNOWN_FLAG } from "./attempts.ts";
import { CGROUP_PARENT, type FlagAttempt, type FlagOutcome, type World } from "./types.ts";

/** A command that is compared, and how it finds the engine. */
export interface FlagProgram {
  name: "docker" | "berth";
  file: string;
  env: Record<string, string>;
}

const NETWORK = "berth-flags-net";
const PEER = "berth-flags-peer";
/** Milliseconds for one command. */
const LIMIT = 120_000;
const OBEDIENT = "trap 'exit 5' TERM; echo ready; sleep 100000 & wait";
const SCRIPTS: Readonly<Record<World, string>> = {
  none: "",
  created: "echo out; exit 3",
  running: OBEDIENT,
  attached: OBEDIENT,
  ended: "echo text > /made; chown 12:34 /made; ln -s /made /link; echo out; echo more; exit 3",
  asking: "read line; echo got $line; exit 3",
};
/** What is the same of every container that `run` makes, or depends on how far it is. */
const OF_A_RUN = /^(State|NetworkSettings|Config\.Cmd$)/;
/** Maps whose keys say everything: an empty value is no value to whoever compares. */
const KEYED = /(ExposedPorts|PortBindings|Volumes|Tmpfs)$/;
/** Whoever these commands ask is told an end that comes at the same time. */
const RACES = ["container start", "container restart"];

/** Command lines on an engine that has the image `busybox:local`; makes what they refer to. */
export class FlagRuns implements AsyncDisposable {
  readonly #socket: string;
  readonly #folder: string;
  #plain: Record<string, unknown> = {};
  #count = 0;
  /** An engine has one prune at a time. */
  #pruning: Promise<unknown> = Promise.resolve();

  private constructor(socket: string, folder: string) {
    this.#socket = socket;
    this.#folder = folder;
  }

  static async on(socket: string): Promise<FlagRuns> {
    const folder = await mkdtemp(join(tmpdir(), "berth-flags-"));
    await chmod(folder, 0o755);
    const runs = new FlagRuns(socket, folder);
    await writeFile(join(folder, "env"), "A=of the file\n# a comment\nBERTH_FLAGS\n");
    await writeFile(join(folder, "bad-env"), "A B=1\n");
    await writeFile(join(folder, "labels"), "a=of the file\nb\n");
    const seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }] };
    await writeFile(join(folder, "seccomp.json"), JSON.stringify(seccomp));
    await runs.#must("POST", "/networks/create", { Name: NETWORK, IPAM: { Config: [{ Subnet: "10.214.23.0/24" }] } });
    await runs.#must("POST", `/containers/create?name=${PEER}`, {
      Image: "busybox:local",
      Cmd: ["sleep", "100000"],
      HostConfig: { Init: true, IpcMode: "shareable" },
    });
    await runs.#must("POST", `/containers/${PEER}/start`);
    // With what docker's command asks for by itself, so that a flag's part is seen alone.
    const { Id } = (
      await runs.#must("POST", `/containers/create`, {
        Image: "busybox:local",
        Cmd: ["true"],
        AttachStdout: true,
        AttachStderr: true,
        HostConfig: { RestartPolicy: { Name: "no" }, MemorySwappiness: -1, ConsoleSize: [0, 0] },
      })
    ).json as { Id: string }; // create's answer
    runs.#plain = { ...(await runs.#inspect(Id, "no such name")), Name: "/{name}" };
    await runs.#must("DELETE", `/containers/${Id}`);
    return runs;
  }

  /** Runs the command with a flag and its value, and looks at what it came to. */
  async attempt(attempt: FlagAttempt, program: FlagProgram): Promise<FlagOutcome> {
    if (attempt.of.command !== "container prune") return await this.#attempt(attempt, program);
    const turn = this.#pruning.then(() => this.#attempt(attempt, program));
    this.#pruning = turn.catch(() => undefined);
    return await turn;
  }

  async #attempt({ of, words, local }: FlagAttempt, program: FlagProgram): Promise<FlagOutcome> {
    this.#count += 1;
    const name = `flags-${process.pid}-${this.#count}`;
    const isMaking = of.world === "none";
    const id = isMaking || local !== undefined ? undefined : await this.#make(of.world, name);
    const before = id === undefined ? {} : await this.#inspect(id, name);
    const fill = (word: string) =>
      Object.entries({ name, folder: this.#folder, peer: PEER, network: NETWORK }).reduce(
        (text, [key, value]) => text.replaceAll(`{${key}}`, value),
        word,
      );
    const own = of.before === "create" && !words.startsWith("--name") ? `--name ${name}` : "";
    const { args } = step(`${of.before} ${own} ${words} ${local === "last" ? "" : of.after}`);
    let made: string | undefined;
    try {
      const env = { ...program.env, BERTH_FLAGS: "passed" };
      const ending = run(program.file, args.map(fill), { env, cwd: this.#folder, input: "typed\n", timeout: LIMIT });
      if (of.world === "attached" && id !== undefined) await Promise.race([ending, this.#endOnceAttached(id)]);
      const result = await ending;
      const clean = (text: string) => withoutUsage(this.#clean(text, name, program), words);
      const outcome = { code: result.code, stdout: clean(result.stdout), stderr: clean(result.stderr) };
      if (/^\n?Usage: /.test(result.stdout)) return { ...outcome, stdout: "(the help)" };
      if (of.command === "container diff") outcome.stdout = outcome.stdout.split("\n").sort().join("\n");
      if (of.command === "container stats") outcome.stdout = withoutMeasures(outcome.stdout);
      // What it says is compared by its members elsewhere.
      if (of.command === "container inspect") outcome.stdout = outcome.stdout.replace(/^\[\n[^]*\]\n$/, "(JSON)\n");
      if (result.stdout.includes("\0")) return { ...outcome, stdout: "(an archive)" };
      const files = await this.#files(name);
      const told = { ...outcome, ...(files.length === 0 ? {} : { files }) };
      if (of.command === "container commit") return { ...told, inspect: await this.#image(name) };
      if (of.before === "create") made = result.code === 0 ? result.stdout.trim() : undefined;
      if (of.command === "container run") {
        const inspect = Object.entries(this.#changed(this.#plain, await this.#inspect(name, name)));
        return { ...told, inspect: Object.fromEntries(inspect.filter(([path]) => !OF_A_RUN.test(path))) };
      }
      const seen = made ?? id;
      if (of.command === "container kill" && id !== undefined && result.code === 0)
        await this.#must("POST", `/containers/${id}/wait`);
      if (seen === undefined || RACES.includes(of.command)) return told;
      const inspect = this.#changed(id === undefined ? this.#plain : before, await this.#inspect(seen, name));
      // What an endpoint has besides what was asked for goes when the container ends.
      if (id !== undefined) delete inspect["NetworkSettings.Networks.bridge"];
      return { ...told, inspect };
    } finally {
      for (const each of [name, `${name}-a`, `${name}-b`, made])
        if (each !== undefined) await this.#call("DELETE", `/containers/${each}?force=1&v=1`);
      await this.#call("DELETE", `/volumes/${name}-v?force=1`);
    }
  }

  #changed(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> {
    return Object.keys(after).length === 0 ? { container: "gone" } : difference(before, after);
  }

  /** Ends the container when somebody has attached to it. */
  async #endOnceAttached(id: string): Promise<void> {
    const filters = encodeURIComponent(JSON.stringify({ container: [id], event: ["attach"] }));
    await eventually("somebody who attaches", async () => {
      const until = (Date.now() / 1000 + 0.01).toFixed(3);
      return (await this.#must("GET", `/events?since=1&until=${until}&filters=${filters}`)).bytes.length > 0;
    });
    await this.#must("POST", `/containers/${id}/kill?signal=TERM`);
  }

  async #make(world: World, name: string): Promise<string> {
    const body = {
      Image: "busybox:local",
      Cmd: ["sh", "-c", SCRIPTS[world]],
      Labels: { of: name },
      OpenStdin: world === "asking",
      StdinOnce: world === "asking",
    };
    const { Id } = (await this.#must("POST", `/containers/create?name=${name}`, body)).json as { Id: string }; // create's answer
    if (world === "created") return Id;
    await this.#must("POST", `/containers/${Id}/start`);
    if (world === "ended") await this.#must("POST", `/containers/${Id}/wait`);
    if (world === "running" || world === "attached") {
      await eventually("the container's readiness", async () =>
        (await this.#must("GET", `/containers/${Id}/logs?stdout=1`)).bytes.includes("ready"),
      );
    }
    return Id;
  }

  /** What a command made in the folder, which it is taken out of. */
  async #files(name: string): Promise<string[]> {
    const made = (await readdir(this.#folder)).filter((file) => file.startsWith(name)).sort();
    return await Promise.all(
      made.map(async (file) => {
        const stat = await lstat(join(this.#folder, file));
        await rm(join(this.#folder, file), { recursive: true });
        const kind = stat.isSymbolicLink() ? "link" : stat.isDirectory() ? "folder" : "file";
        return `${file.replace(name, "{name}")}: ${kind} of ${stat.uid}:${stat.gid}`;
      }),
    );
  }

  async #inspect(id: string, name: string): Promise<Record<string, unknown>> {
    const { status, json } = await this.#call("GET", `/containers/${id}/json`);
    if (status === 404) return {};
    const { Id, Name } = json as { Id: string; Name: string }; // inspect's answer
    const members = Object.entries({ ...flatten(json, { prefix: name, id: Id, peer: "" }), Name })
      .filter(([path]) =>
        /^(Name|State\.(Status|ExitCode)|HostConfig|Config|Mounts|NetworkSettings\.Networks)\b/.test(path),
      )
      .map(([path, value]): [string, unknown] => [path, KEYED.test(path) ? textOf(value) : value]);
    const told = Object.entries(
      JSON.parse(this.#cleanAny(JSON.stringify(Object.fromEntries(members)), name)) as object,
    );
    const isRunning = (json as { State: { Running: boolean } }).State.Running; // inspect's answer
    return Object.fromEntries(told.filter(([path]) => !isRunning || !path.startsWith("NetworkSettings")));
  }

  async #image(name: string): Promise<Record<string, unknown>> {
    const { status, json } = await this.#call("GET", `/images/${name}-image/json`);
    if (status === 404) return {};
    await this.#call("DELETE", `/images/${name}-image?force=1`);
    const { Author, Comment, Config } = json as Record<string, unknown>; // inspect's answer
    return { Author, Comment, ...(JSON.parse(this.#cleanAny(JSON.stringify(Config), name)) as object) };
  }

  #clean(text: string, name: string, program: FlagProgram): string {
    const said = text.startsWith("panic: ") ? "panic\n" : text;
    return cleaned(this.#cleanAny(said, name), { name: program.name, id: "no such id" }, true);
  }

  #cleanAny(text: string, name: string): string {
    return text
      .replaceAll(this.#folder, "{folder}")
      .replaceAll(this.#socket, "{socket}")
      .replaceAll(name, "{name}")
      .replaceAll(/"HostPort":"[1-9]\d{4}"/g, '"HostPort":"<port>"')
      .replaceAll(/\/[^\s:"]*\/volumes\//g, "<root>/volumes/")
      .replaceAll(/(\/sys\/fs\/cgroup\/[\w,]+)\/[^/\s]+\/(?=[0-9a-f]{64})/g, "$1/<parent>/")
      .replaceAll(/"\/[a-z]+_[a-z]+\d*"/g, '"(a random name)"')
      .replaceAll(/Successfully copied \S+/g, "Successfully copied <size>");
  }

  #call(method: string, path: string, body?: unknown): Promise<Answer> {
    return apiCall(this.#socket, method, `/v1.51${path}`, body);
  }

  async #must(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.#call(method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path} gave ${answer.status}: ${answer.text}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#call("DELETE", `/containers/${PEER}?force=1&v=1`);
    await this.#call("DELETE", `/networks/${NETWORK}`);
    removeCgroups(CGROUP_PARENT);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** What a mistake is answered with, without how the command is used, which one of them for each command tells. */
function withoutUsage(text: string, words: string): string {
  return words === UNKNOWN_FLAG ? text : text.replace(/\n\nUsage: [^]*--help' for more information\n$/, "\n(usage)\n");
}

function textOf(map: unknown): string | undefined {
  return Object.keys(map ?? {}).length === 0 ? undefined : JSON.stringify(map);
}

/** What `stats` says of a moment: a container that was just started may have used the processor, or not. */
function withoutMeasures(text: string): string {
  return text.replaceAll(/[\d.]+([kKMG]i?)?B/g, "<size>").replaceAll(/[\d.]+%/g, "<percent>");
}
