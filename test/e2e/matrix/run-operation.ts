import { apiCall, type Answer } from "../../support/api.ts";
import { unframed } from "../../support/frames.ts";
import { eventually } from "../../support/wait.ts";
import { clean, difference, flatten, messageOf, normaliseText, type Names } from "./normalise.ts";
import { tarNames } from "./tar-names.ts";
import type { OperationAttempt, OperationOutcome, World } from "./types.ts";

/** Ends with 7 when it is told to end, and says when it is ready to be told. */
const OBEDIENT = 'trap "exit 7" TERM; trap "exit 8" USR1; echo ready; sleep 100000 & wait';
const SCRIPTS: Readonly<Record<World, string>> = {
  none: "",
  created: OBEDIENT,
  running: OBEDIENT,
  paused: OBEDIENT,
  exited: "[ -e /ended ] && exec sleep 100000; : > /ended; exit 3",
  logged: "echo a; echo b; echo c; echo text > /made; exit 3",
};

/** Containers to ask things of, on an engine where a peer and a network are prepared. */
export class Operations implements AsyncDisposable {
  readonly #socket: string;
  readonly #shared = new Map<World, Promise<string>>();
  readonly #peer: string;
  readonly #since = Math.floor(Date.now() / 1000);
  #count = 0;

  constructor(socket: string, peer: string) {
    this.#socket = socket;
    this.#peer = peer;
  }

  async attempt(operation: string, attempt: OperationAttempt): Promise<OperationOutcome> {
    if (attempt.world === "none") return await this.#ask(operation, attempt, "");
    const id = attempt.shared === true ? await this.#sharedOne(attempt.world) : await this.#make(attempt.world);
    if (operation === "containerTop" && attempt.world === "running") await this.#allRunning(id);
    if (attempt.shared === true) return await this.#ask(operation, attempt, id);
    try {
      return await this.#askAndLook(operation, attempt, id);
    } finally {
      await this.#call("DELETE", `/containers/${id}?force=1&v=1`);
    }
  }

  /** Its last process is the shell's copy until it has become what it is to be. */
  async #allRunning(id: string): Promise<void> {
    await eventually("the container's last process", async () => {
      const { text } = await this.#must("GET", `/containers/${id}/top`);
      return text.includes('"sleep 100000"');
    });
  }

  async #askAndLook(operation: string, attempt: OperationAttempt, id: string): Promise<OperationOutcome> {
    const names = this.#names(id);
    const before = await this.#inspect(id, names);
    const told = await this.#told(id, attempt.world);
    const outcome = await this.#ask(operation, attempt, id);
    const ends = outcome.status < 300 && (await this.#ends(operation, attempt, id));
    const events = ends
      ? await eventually("the end of the container", async () => {
          const seen = (await this.#events(id)).slice(told);
          return seen.some((event) => event.startsWith("die")) ? seen : undefined;
        })
      : (await this.#events(id)).slice(told);
    const after = await this.#inspect(id, names);
    // Between the signal and a kill without patience, the process may end either way.
    const hasty = attempt.path.includes("t=0") && (attempt.world === "running" || attempt.world === "paused");
    const changes = operation === "putContainerArchive" ? await this.#changes(id) : undefined;
    return {
      ...outcome,
      ...(changes === undefined ? {} : { value: changes }),
      ...(hasty ? {} : { inspect: difference(before, after), events: events.sort() }),
    };
  }

  /** How many events are told of a container before anything is asked; its end is told a little after it. */
  async #told(id: string, world: World): Promise<number> {
    return await eventually("the events of the container's making", async () => {
      const events = await this.#events(id);
      return (world !== "exited" || events.some((event) => event.startsWith("die"))) && events.length;
    });
  }

  /** Whether the request makes the container's process end, which is told a little later. */
  async #ends(operation: string, { world, path }: OperationAttempt, id: string): Promise<boolean> {
    if (operation !== "containerKill" || !["running", "paused"].includes(world)) return false;
    const deadly = !path.includes("signal=") || /signal=(|TERM|SIGTERM|15|kill|sigkill)(&|$)/i.test(path);
    if (deadly) await this.#call("POST", `/containers/${id}/wait`);
    return deadly;
  }

  async #ask(operation: string, attempt: OperationAttempt, id: string): Promise<OperationOutcome> {
    const exec = attempt.path.includes("{exec}") ? await this.#exec(id) : "";
    const names = { ...this.#names(id), exec };
    const path = attempt.path.replaceAll("{id}", id).replaceAll("%7Bid%7D", id).replaceAll("{exec}", exec);
    const type = attempt.bytes === undefined ? {} : { "Content-Type": "application/x-tar" };
    const answer = await this.#call(attempt.method, path, attempt.body ?? attempt.bytes, type);
    const { status } = answer;
    if (status >= 400 || status === 304) {
      const message = normaliseText(messageOf(answer), names);
      return { status, ...(message === "" ? {} : { message }) };
    }
    const value = await this.#valueOf(operation, answer, id, names);
    return { status, ...(value === undefined ? {} : { value: clean(value, names) }) };
  }

  /** What is compared of an answer that is no error. */
  async #valueOf(operation: string, answer: Answer, id: string, names: Names): Promise<unknown> {
    const { json, bytes } = answer;
    switch (operation) {
      case "containerCreate": {
        const { Id } = json as { Id: string }; // create's answer
        const found = (await this.#call("GET", `/containers/${Id}/json`)).json as { Name: string }; // inspect's answer
        await this.#call("DELETE", `/containers/${Id}`);
        return /^\/[a-z]+_[a-z]+\d*$/.test(found.Name) ? "a random name" : found.Name;
      }
      case "containerList": {
        const rows = json as Array<{ Names: string[]; SizeRw?: number; SizeRootFs?: number }>; // the list's answer
        return rows
          .filter((row) => row.Names.some((name) => name.startsWith("/berth-matrix")))
          .map((row) => `${row.Names.join(" ")}${row.SizeRootFs === undefined ? "" : " with sizes"}`);
      }
      case "containerInspect":
        return Object.keys(json as object).includes("SizeRw") ? "with sizes" : "without sizes";
      case "containerTop": {
        const { Titles, Processes } = json as { Titles: string[]; Processes: string[][] }; // top's answer
        return [Titles, ...Processes.map((row) => row.at(-1))];
      }
      case "containerLogs":
      case "containerAttach":
        return unframed(bytes).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>");
      case "containerArchive":
        return { entries: tarNames(bytes), stat: statOf(answer) };
      case "containerArchiveInfo":
        return statOf(answer);
      case "imageCommit":
        return await this.#image(idOf(answer));
      case "containerExec":
        return await this.#run(idOf(answer), id, names);
      case "execStart":
        return bytes.length > 8 && bytes[0] === 1 ? unframed(bytes) : bytes.toString();
      case "execInspect": {
        const { ProcessConfig, Running, ExitCode } = json as Record<string, unknown>; // inspect's answer
        return { ProcessConfig, Running, ExitCode };
      }
      default:
        return json;
    }
  }

  async #image(id: string): Promise<unknown> {
    const { json } = await this.#call("GET", `/images/${id}/json`);
    await this.#call("DELETE", `/images/${id}?force=1`);
    const { Config, Comment, Author, RepoTags } = json as Record<string, unknown>; // inspect's answer
    return { Config, Comment, Author, RepoTags };
  }

  async #run(exec: string, id: string, names: Names): Promise<unknown> {
    const made = await this.#call("GET", `/exec/${exec}/json`);
    const { ProcessConfig, OpenStdin } = made.json as { ProcessConfig: { tty: boolean }; OpenStdin: boolean }; // inspect's answer
    // It would wait for an input that never ends.
    if (OpenStdin) return { ProcessConfig };
    const Tty = ProcessConfig.tty;
    const started = await this.#call("POST", `/exec/${exec}/start`, { Tty });
    const output =
      started.status >= 400 ? messageOf(started) : Tty ? started.bytes.toString() : unframed(started.bytes);
    const ended = await eventually("the end of the command", async () => {
      const { json } = await this.#call("GET", `/exec/${exec}/json`);
      const state = json as { Running: boolean; ExitCode: number | null }; // inspect's answer
      return state.Running ? undefined : state;
    });
    return {
      ProcessConfig,
      status: started.status,
      output: normaliseText(output.replaceAll("\r", ""), { ...names, id, exec }),
      exit: ended.ExitCode,
    };
  }

  async #sharedOne(world: World): Promise<string> {
    const made = this.#shared.get(world) ?? this.#make(world);
    this.#shared.set(world, made);
    return await made;
  }

  async #make(world: World): Promise<string> {
    this.#count += 1;
    const name = world === "logged" ? "berth-matrix-logged" : `berth-matrix-${process.pid}-of-${this.#count}`;
    const made = await this.#must("POST", `/containers/create?name=${name}`, {
      Image: "busybox:local",
      Cmd: ["sh", "-c", SCRIPTS[world]],
      Labels: { of: "matrix" },
    });
    const id = idOf(made);
    if (world === "created") return id;
    await this.#must("POST", `/containers/${id}/start`);
    if (world === "exited" || world === "logged") await this.#must("POST", `/containers/${id}/wait`);
    else {
      await eventually("the container's readiness", async () => {
        const { bytes } = await this.#must("GET", `/containers/${id}/logs?stdout=1`);
        return bytes.includes("ready");
      });
    }
    if (world === "paused") await this.#must("POST", `/containers/${id}/pause`);
    return id;
  }

  async #exec(id: string): Promise<string> {
    const made = await this.#must("POST", `/containers/${id}/exec`, { Cmd: ["echo", "said"], AttachStdout: true });
    return idOf(made);
  }

  async #inspect(id: string, names: Names): Promise<Record<string, unknown>> {
    const { json } = await this.#call("GET", `/containers/${id}/json`);
    const members = Object.entries(flatten(json, names)).filter(
      ([path]) =>
        /^(State|HostConfig|Config|RestartCount)\b/.test(path) && !/^State\.(Pid|StartedAt|FinishedAt)$/.test(path),
    );
    const { Name } = json as { Name?: string }; // inspect's answer, or an error's
    return Object.fromEntries([
      ...members,
      ["Name", Name?.startsWith(`/berth-matrix-${process.pid}`) ? "(its own)" : Name],
    ]);
  }

  async #changes(id: string): Promise<unknown> {
    return (await this.#call("GET", `/containers/${id}/changes`)).json;
  }

  async #events(id: string): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ container: [id], type: ["container"] }));
    const { text } = await this.#call("GET", `/events?since=${this.#since}&until=${soon()}&filters=${filters}`);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const { Action, Actor } = JSON.parse(line) as { Action: string; Actor: { Attributes: Record<string, string> } };
        const told = ["exitCode", "signal", "oldName"]
          .filter((name) => Actor.Attributes[name] !== undefined)
          .map((name) => ` ${name}=${(Actor.Attributes[name] ?? "").replace(/berth-matrix-\d+-of-\d+/, "<own>")}`);
        return `${Action}${told.join("")}`;
      });
  }

  #names(id: string): Names {
    return { prefix: `berth-matrix-${process.pid}`, id, peer: this.#peer };
  }

  #call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return apiCall(this.#socket, method, `/v1.51${path}`, body, headers);
  }

  async #must(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.#call(method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path} gave ${answer.status}: ${answer.text}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const made of this.#shared.values()) await this.#call("DELETE", `/containers/${await made}?force=1&v=1`);
  }
}

function idOf(answer: Answer): string {
  return (answer.json as { Id: string }).Id; // the answer of whatever makes something
}

function statOf({ headers }: Answer): unknown {
  const field = headers["x-docker-container-path-stat"];
  if (typeof field !== "string") return undefined;
  const { mtime: _mtime, ...stat } = JSON.parse(Buffer.from(field, "base64").toString()) as Record<string, unknown>;
  return stat;
}

/** An instant that what was asked for has been told by, as the engine takes it. */
function soon(): string {
  return (Date.now() / 1000 + 0.01).toFixed(3);
}
