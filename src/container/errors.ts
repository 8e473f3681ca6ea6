import {
  asEngineError,
  conflict,
  EngineError,
  invalid,
  notFound,
  notModified,
  unknown,
  messageOf,
} from "../base/index.ts";
import { quote } from "../template/index.ts";

/** Errors of the container layer, with Docker's texts. */

export const noSuchContainer = (ref: string): EngineError => notFound(`No such container: ${ref}`);

export const ambiguous = (prefix: string): EngineError => invalid(`Multiple IDs found with provided prefix: ${prefix}`);

export const nameInUse = (name: string, holder: string): EngineError =>
  conflict(
    `Conflict. The container name "/${name}" is already in use by container "${holder}". ` +
      "You have to remove (or rename) that container to be able to reuse that name.",
  );

export const invalidName = (name: string): EngineError =>
  invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);

export const noCommand = (): EngineError => invalid("no command specified");

export const notRunning = (id: string): EngineError => conflict(`container ${id} is not running`);

/** Its process has ended, and its exit is not dealt with yet. */
export class JustEnded extends EngineError {
  constructor(id: string) {
    super("conflict", `container ${id} is not running`);
  }
}

export const alreadyPaused = (id: string): EngineError => conflict(`Container ${id} is already paused`);

/** @param cause what the runtime says. */
export const cannotPause = (id: string, cause: unknown): EngineError =>
  unknown(`cannot pause container ${id}: ${messageOf(cause)}`, { cause });

export const notPaused = (id: string): EngineError => unknown(`Container ${id} is not paused`);

export const isRestarting = (id: string): EngineError =>
  conflict(`Container ${id} is restarting, wait until the container is running`);

/** The network of a container could not be made: why, in Docker's words around the network's own. */
export const networkingFailed = (cause: EngineError): EngineError =>
  new EngineError(cause.kind, `failed to set up container networking: ${cause.message}`, { cause });

export const sharedNamespaceConnect = (): EngineError =>
  invalid(
    "container sharing network namespace with another container or host cannot be connected to any other network",
  );

export const hostNetworkDisconnect = (): EngineError =>
  invalid("cannot disconnect container from host network - container was created in host network mode");

/** Docker's words differ by whether the container runs. */
export const notOnNetwork = (id: string, network: string, running: boolean): EngineError =>
  notFound(`container ${id} is not connected to ${running ? "" : "the "}network ${network}`);

export const joiningNetworkFailed = (cause: EngineError): EngineError =>
  unknown(`joining network namespace of container: ${cause.message}`, { cause });

export const startPaused = (): EngineError => conflict("cannot start a paused container, try unpause instead");

export const startRemoving = (): EngineError => conflict("container is marked for removal and cannot be started");

export const putRemoving = (id: string): EngineError =>
  conflict(`container ${id} is marked for removal: no files can be put into it`);

export const alreadyStarted = (): EngineError => notModified("container is already running");

export const alreadyStopped = (): EngineError => notModified("container is already stopped");

export const invalidSignal = (signal: string): EngineError => invalid(`invalid signal: ${signal}`);

export const unsupportedSignal = (signal: string): EngineError =>
  invalid(`the linux daemon does not support signal ${signal}`);

/** What an update asks for goes together with what the container has, or is refused. */
export const contradictingUpdate = (id: string, why: string): EngineError =>
  conflict(`Cannot update container ${id}: ${why}`);

/** The kernel did not take the new limits of a container that runs. */
export const updateFailed = (id: string, cause: unknown): EngineError => {
  const { kind } = asEngineError(cause);
  return new EngineError(kind, `Cannot update container ${id}: ${messageOf(cause)}`, { cause });
};

export const badNameserver = (text: string): EngineError =>
  unknown(`bad nameserver address ${text}: ParseAddr(${JSON.stringify(text)}): unable to parse IP`);

export const notPropagating = (source: string, place: string, wanted: string): EngineError =>
  unknown(`path ${source} is mounted on ${place} but it is not a ${wanted} mount`);

/** A volume of the config, in Docker's words for those. */
export const volumeOverFile = (path: string): EngineError =>
  unknown(`cannot mount volume over existing file, file exists ${path}`);

export const killFailed = (ref: string, cause: EngineError): EngineError =>
  new EngineError(cause.kind, `cannot kill container: ${ref}: ${cause.message}`, { cause });

/** A signal that is none is said to have made the stop fail; what else a stop throws says so itself. */
export const stopFailed = (ref: string, cause: EngineError): EngineError =>
  cause.kind === "invalid" ? invalid(`cannot stop container: ${ref}: ${cause.message}`, { cause }) : cause;

export const restartFailed = (ref: string, cause: EngineError): EngineError =>
  cause.kind === "invalid" ? invalid(`Cannot restart container ${ref}: ${cause.message}`, { cause }) : cause;

/** A name that is the container's own goes with the container only. */
export const ownNameStays = (): EngineError =>
  unknown("Conflict, cannot remove the default link name of the container");

/** @param name of the link: both containers' names. */
export const linkedNotRunning = (target: string, name: string): EngineError =>
  unknown(`Cannot link to a non running container: /${target} AS ${name}`);

export const linkedNotOnBridge = (id: string): EngineError =>
  unknown(`container ${id} not attached to default bridge network`);

export const removeRunning = (name: string): EngineError =>
  conflict(
    `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
  );

export const removePaused = (name: string): EngineError =>
  conflict(`cannot remove container "${name}": container is paused and must be unpaused first`);

export const removeInProgress = (name: string): EngineError =>
  conflict(`removal of container ${name} is already in progress`);

/** A data root that is read-only takes no removal, and the exec root no note of it. */
export const removalNotNoted = (cause: unknown, why: unknown): EngineError =>
  unknown(`${messageOf(cause)}, and the removal cannot be noted in the exec root: ${messageOf(why)}`, { cause });

export const attachPaused = (ref: string): EngineError =>
  conflict(`container ${ref} is paused, unpause the container before attach`);

export const attachRestarting = (ref: string): EngineError =>
  conflict(`container ${ref} is restarting, wait until the container is running`);

export const noSuchExec = (id: string): EngineError => notFound(`No such exec instance: ${id}`);

export const execPaused = (name: string): EngineError =>
  conflict(`Container ${name} is paused, unpause the container before exec`);

export const execRan = (id: string): EngineError => conflict(`exec command ${id} has already run`);

export const execRuns = (id: string): EngineError => conflict(`exec command ${id} is already running`);

export const noExecCommand = (): EngineError => invalid("No exec command specified");

export const execNotStarted = (): EngineError => invalid("exec process is not started");

export const invalidFilter = (name: string, value?: string): EngineError =>
  invalid(value === undefined ? `invalid filter '${name}'` : `invalid filter '${name}=${value}'`);

/** A value of a filter that has a closed set of them; `what` is Docker's word for what it is of. */
export const foreignFilterValue = (
  name: string,
  value: string,
  { what, allowed }: { what: string; allowed: Iterable<string> },
): EngineError =>
  invalid(
    `invalid filter '${name}=${value}': invalid value for ${what} (${value}): must be one of ${[...allowed].join(", ")}`,
  );

export const badFilterNumber = (name: string, value: string): EngineError =>
  invalid(`invalid filter '${name}=${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);

export const badPortFilter = (name: string, value: string, number: string): EngineError =>
  invalid(
    `error while looking up for ${name} ${value}: strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`,
  );

export const noLogDriver = (name: string): EngineError =>
  invalid(`error looking up logging plugin ${name}: plugin ${quote(name)} not found`);
