import type { ExecCreateBody } from "../../api/index.ts";
import type { ProcessSpec } from "../../spec/index.ts";
import { appArmorProfile } from "../apparmor.ts";
import { asInvalid } from "../create/validate.ts";
import type { ContainerRecord } from "../record.ts";
import { parseSecurityOptions } from "../security-options.ts";
import { ALL_CAPABILITIES } from "../../spec/index.ts";
import { capabilitiesOf, capabilitySets } from "../spec/compile.ts";
import { containerEnv, replaceOrAppend, withHome } from "../spec/env.ts";
import type { ContainerDependencies } from "../types.ts";

type Needs = Pick<ContainerDependencies, "config" | "host" | "users"> & LinkedEnv;

export interface LinkedEnv {
  /** Variables of the linked containers that run. */
  linkedEnv(record: ContainerRecord): string[];
}

/** Who an exec runs as, by the files that the container has now. @throws invalid for a user or group that is not there. */
export function execUser(record: ContainerRecord, body: ExecCreateBody, pid: number, { users }: Pick<Needs, "users">) {
  const root = { type: "bind", source: `/proc/${pid}/root`, readOnly: true } as const;
  const user = body.User || record.config.User || "";
  return asInvalid(() => users.resolve(root, user, record.hostConfig.GroupAdd ?? []), "");
}

/** The process that an exec starts: the container's environment, user and rights with the request's changes. */
export function execProcess(
  record: ContainerRecord,
  body: ExecCreateBody,
  options: { tty: boolean; consoleSize: { height: number; width: number } | undefined; pid: number },
  needs: Needs,
): ProcessSpec {
  const { config, hostConfig: host } = record;
  const user = execUser(record, body, options.pid, needs);
  const privileged = body.Privileged === true;
  const capabilities = privileged
    ? ALL_CAPABILITIES.filter((name) => needs.host.capabilities.includes(name))
    : capabilitiesOf(host, needs.host);
  const security = parseSecurityOptions(host.SecurityOpt ?? []);
  const apparmor = privileged
    ? undefined
    : appArmorProfile(security.apparmor, host.Privileged === true, needs.host.apparmor);
  const env = replaceOrAppend(
    containerEnv({ ...config, Tty: options.tty }, "", needs.linkedEnv(record)),
    body.Env ?? [],
  );
  return {
    terminal: options.tty,
    ...(options.tty && options.consoleSize ? { consoleSize: options.consoleSize } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: [...(body.Cmd ?? [])],
    env: withHome(
      env.filter((entry) => entry !== "HOME="),
      user.home,
    ),
    cwd: body.WorkingDir || config.WorkingDir || "/",
    capabilities: capabilitySets(capabilities, user.uid),
    rlimits: [],
    noNewPrivileges: security.noNewPrivileges ?? needs.config.noNewPrivileges,
    oomScoreAdj: host.OomScoreAdj ?? 0,
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
  };
}
