import type { ContainerInspectResponse, ImageSummary } from "../api/index.ts";
import type { CreateBody } from "./container-config.ts";
import { CliError } from "./errors.ts";
import { parseImageName } from "./image-name.ts";
import { PROGRAM } from "./version.ts";

/** Says of a container that it is there to look into another one, which the value names. */
const LABEL = "berth.debug";

export interface DebugRequest {
  image: string;
  command: readonly string[];
  env: string[];
  user: string;
  workdir: string;
  stdin: boolean;
  tty: boolean;
}

/**
 * The container that looks into `target`: tools of another image in the namespaces of processes, network, host name and,
 * where the target shares it, IPC. Its own files stay apart; the target's are below the root of its first process.
 * @returns what to make, and where the target's files are: undefined when the engine's numbers of processes are not those
 *   that will be seen.
 * @throws CliError when the target does not run: it has no namespaces then.
 */
export function planDebug(
  name: string,
  target: ContainerInspectResponse,
  request: DebugRequest,
): { body: CreateBody; root: string | undefined } {
  const { Id = "", State, HostConfig } = target;
  if (State?.Running !== true)
    throw new CliError(
      `container ${name} is not running, so there is nothing to enter: start it with \`${PROGRAM} start ${name}\`, ` +
        `or take its files out with \`${PROGRAM} cp ${name}:PATH .\` or \`${PROGRAM} export ${name}\``,
    );
  const joined = `container:${Id}`;
  const ipc = HostConfig?.IpcMode ?? "";
  const pid = HostConfig?.PidMode ?? "";
  const first = pid === "host" ? State.Pid : pid.startsWith("container:") ? undefined : 1;
  const body: CreateBody = {
    Image: request.image,
    // The image's own entrypoint is not what is wanted
    Entrypoint: [""],
    Cmd: [...request.command],
    Env: request.env,
    User: request.user,
    WorkingDir: request.workdir,
    Labels: { [LABEL]: Id },
    Tty: request.tty,
    OpenStdin: request.stdin,
    StdinOnce: request.stdin,
    AttachStdin: request.stdin,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      AutoRemove: true,
      PidMode: joined,
      NetworkMode: joined,
      ...(ipc === "host" ? { IpcMode: ipc } : ipc === "shareable" ? { IpcMode: joined } : {}),
      ...(HostConfig?.UTSMode === "host" ? { UTSMode: "host" } : {}),
      ...(HostConfig?.UsernsMode === "host" ? { UsernsMode: "host" } : {}),
      // proc(5): another's root is seen by who may trace it, which takes at least what the other has
      Privileged: HostConfig?.Privileged === true,
      CapAdd: [...new Set([...(HostConfig?.CapAdd ?? []), "SYS_PTRACE"])],
    },
    NetworkingConfig: { EndpointsConfig: {} },
  };
  return { body, root: first === undefined ? undefined : `/proc/${first}/root` };
}

/** The newest busybox that the engine has, whatever registry it came from. @throws CliError with what to do when there is none. */
export function toolImage(images: readonly ImageSummary[]): string {
  for (const { RepoTags } of [...images].sort((left, right) => right.Created - left.Created)) {
    const tag = (RepoTags ?? []).find((each) => isBusybox(each));
    if (tag !== undefined) return tag;
  }
  throw new CliError(
    `there is no busybox image whose tools could be used: pull one with \`${PROGRAM} pull busybox\`, ` +
      "or name another image with --image",
  );
}

function isBusybox(tag: string): boolean {
  if (tag === "<none>:<none>") return false;
  return parseImageName(tag).path.split("/").at(-1) === "busybox";
}
