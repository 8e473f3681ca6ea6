import { asEngineError, invalid } from "../../base/index.ts";
import {
  type CallContext,
  checkpointFolderUnsupported,
  type ContainerCreateBody,
  type ContainerCreateResponse,
  type ContainersBackend,
  hasSince,
  judgeCreateBody,
  type LogsQuery,
  needsExperimental,
  startTakesNoBody,
  type PathStat,
  statusOfKind,
  type WaitCondition,
  type WaitResult,
} from "../../api/index.ts";
import { adaptCreateBody } from "../adapt/container-create.ts";
import { empty, json, type RouteAnswer, type Session } from "../answer.ts";
import type { RoutesOf } from "../route.ts";
import { STARTED, startPreference, type StartPreference } from "../start-preference.ts";

type ContainerRoutes = RoutesOf<
  | "containerList"
  | "containerCreate"
  | "containerInspect"
  | "containerTop"
  | "containerLogs"
  | "containerChanges"
  | "containerExport"
  | "containerStats"
  | "containerResize"
  | "containerStart"
  | "containerStop"
  | "containerRestart"
  | "containerKill"
  | "containerUpdate"
  | "containerRename"
  | "containerPause"
  | "containerUnpause"
  | "containerAttach"
  | "containerAttachWebsocket"
  | "containerWait"
  | "containerDelete"
  | "containerArchiveInfo"
  | "containerArchive"
  | "putContainerArchive"
  | "containerPrune"
  | "imageCommit"
>;

export function containerRoutes(backend: ContainersBackend): ContainerRoutes {
  /** Attached to and waited for before it starts, so that nothing of it is missed. */
  const open = async (
    made: ContainerCreateResponse,
    body: ContainerCreateBody,
    { detachKeys }: StartPreference,
    context: CallContext,
  ): Promise<Session> => {
    const condition = body.HostConfig?.AutoRemove === true ? "removed" : "next-exit";
    const { result } = await backend.wait(made.Id, condition, context);
    result.catch(() => undefined); // told when it is asked for
    const { AttachStdin: stdin = false, AttachStdout: stdout = false, AttachStderr: stderr = false } = body;
    const streams = { logs: false, stream: true, stdin, stdout, stderr, detachKeys };
    return {
      made,
      stdio: await backend.attach(made.Id, streams, context),
      start: () => backend.start(made.Id, context),
      result: async () => waitBody(await result),
    };
  };
  return {
    containerList: async ({ query }) => {
      const limit = query.limit !== undefined && query.limit > 0 ? query.limit : undefined;
      return json(await backend.list({ ...query, limit }));
    },
    containerCreate: async ({ query, body, headers, context }) => {
      const { warnings, refusal } = judgeCreateBody(body);
      if (refusal !== undefined) throw refusal;
      const adapted = adaptCreateBody(body, context.apiVersion);
      const request = { name: query.name, platform: query.platform, body: adapted.body };
      const created = await backend.create(request, context);
      const made = { ...created, Warnings: [...(created.Warnings ?? []), ...warnings, ...adapted.warnings] };
      const preference = startPreference(headers);
      if (preference === undefined) return json(made, 201);
      if (preference.attached) return { kind: "session", session: await open(made, adapted.body, preference, context) };
      await backend.start(made.Id, context);
      return json(made, 201, STARTED);
    },
    containerInspect: async ({ ref, query }) => json(await backend.inspect(ref, query)),
    containerTop: async ({ ref, query }) => json(await backend.top(ref, query.ps_args)),
    containerLogs: async ({ ref, query, context }) => {
      if (!query.stdout && !query.stderr) throw invalid("Bad parameters: you must choose at least one stream");
      const wanted: LogsQuery = { ...query, tail: parseTail(query.tail) };
      return { kind: "frames", log: await backend.logs(ref, wanted, context) };
    },
    containerChanges: async ({ ref }) => {
      const changes = await backend.changes(ref);
      return json(changes.length === 0 ? null : changes); // as Docker says nothing
    },
    containerExport: async ({ ref, context }) => ({
      kind: "bytes",
      contentType: "application/octet-stream",
      body: await backend.export(ref, context),
    }),
    containerStats: async ({ ref, query, context }) => ({
      kind: "lines",
      items: await backend.stats(ref, { stream: query.stream, oneShot: query["one-shot"] }, context),
    }),
    containerResize: async ({ ref, query }) => {
      await backend.resize(ref, { height: query.h, width: query.w });
      return empty(200);
    },
    containerStart: async ({ ref, query, headers, context }) => {
      if (hasOldHostConfig(headers)) throw startTakesNoBody();
      if (query.checkpoint !== undefined) throw needsExperimental();
      if (query["checkpoint-dir"] !== undefined) throw checkpointFolderUnsupported();
      await backend.start(ref, context);
      return empty(204);
    },
    containerStop: async ({ ref, query, context }) => {
      await backend.stop(ref, { signal: query.signal, timeout: query.t }, context);
      return empty(204);
    },
    containerRestart: async ({ ref, query, context }) => {
      await backend.restart(ref, { signal: query.signal, timeout: query.t }, context);
      return empty(204);
    },
    containerKill: async ({ ref, query }) => {
      await backend.kill(ref, query.signal);
      return empty(204);
    },
    containerUpdate: async ({ ref, body }) => json(await backend.update(ref, body)),
    containerRename: async ({ ref, query }) => {
      if (query.name === undefined) throw invalid("Neither old nor new names may be empty");
      await backend.rename(ref, query.name);
      return empty(204);
    },
    containerPause: async ({ ref }) => {
      await backend.pause(ref);
      return empty(204);
    },
    containerUnpause: async ({ ref }) => {
      await backend.unpause(ref);
      return empty(204);
    },
    containerAttach: async ({ ref, query, context }) => {
      try {
        return { kind: "stdio", stdio: await backend.attach(ref, query, context) };
      } catch (error) {
        return refusedAttach(error);
      }
    },
    containerAttachWebsocket: async ({ ref, query, context }) => {
      // Older clients cannot choose.
      const all = hasSince(context.apiVersion, "1.42") ? {} : { stdin: true, stdout: true, stderr: true };
      return { kind: "websocket", open: () => backend.attach(ref, { ...query, ...all }, context) };
    },
    containerWait: async ({ ref, query, context }) => {
      const wanted = hasSince(context.apiVersion, "1.30") ? query.condition : undefined;
      const { result } = await backend.wait(ref, parseCondition(wanted), context);
      return { kind: "later", body: result.then(waitBody) };
    },
    containerDelete: async ({ ref, query }) => {
      await backend.remove(ref, { force: query.force, volumes: query.v, link: query.link });
      return empty(204);
    },
    containerArchiveInfo: async ({ ref, query }) =>
      empty(200, statField(await backend.archiveStat(ref, requiredPath(query.path)))),
    containerArchive: async ({ ref, query, context }) => {
      const { stat, body } = await backend.archiveGet(ref, requiredPath(query.path), context);
      return { kind: "bytes", contentType: "application/x-tar", body, fields: statField(stat) };
    },
    putContainerArchive: async ({ ref, query, stream, context }) => {
      const options = { noOverwriteDirNonDir: query.noOverwriteDirNonDir, copyUidGid: query.copyUIDGID };
      await backend.archivePut(ref, requiredPath(query.path), options, stream, context);
      return empty(200);
    },
    containerPrune: async ({ query }) => json(await backend.prune(query.filters)),
    imageCommit: async ({ query, body, context }) => {
      if (query.container === undefined) throw invalid('invalid name or ID supplied: ""');
      const { repo, tag, comment, author, pause } = query;
      const changes = query.changes.flatMap((change) => change.split("\n"));
      const options = { repo, tag, comment, author, pause, changes, config: body };
      return json(await backend.commit(query.container, options, context), 201);
    },
  };
}

/** Docker hijacks an attach first and then finds out; a failure is text on a connection that is about to close. */
function refusedAttach(thrown: unknown): RouteAnswer {
  const error = asEngineError(thrown);
  return { kind: "raw-refusal", status: statusOfKind(error.kind), text: error.message };
}

/** What is no count means all, as in Docker. */
function parseTail(text: string | undefined): number | "all" {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : "all";
}

function parseCondition(text: string | undefined): WaitCondition {
  switch (text) {
    case undefined:
      return "not-running";
    case "not-running":
    case "next-exit":
    case "removed":
      return text;
    default:
      throw invalid(`invalid condition: ${JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, "\\x$1")}`);
  }
}

function waitBody(result: WaitResult): unknown {
  const error = result.error === undefined ? {} : { Error: { Message: result.error } };
  return { StatusCode: result.statusCode, ...error };
}

function requiredPath(path: string | undefined): string {
  if (path === undefined) throw invalid("bad parameter: 'path' cannot be empty");
  return path;
}

function statField(stat: PathStat): Record<string, string> {
  return { "X-Docker-Container-Path-Stat": Buffer.from(JSON.stringify(stat)).toString("base64") };
}

/** What Docker takes for a HostConfig: any body whose length is not told, and of the others all but "{}" and the like. */
function hasOldHostConfig(headers: ReadonlyMap<string, string>): boolean {
  return headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) > 7;
}
