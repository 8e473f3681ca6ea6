/** The request is at fault, so the answer says so: clients that try again after a 500 would never end. */
const FAULT_OF_THE_REQUEST = "a request that cannot be read is the client's fault (400), not the engine's (500)";
/** What this engine and the one that was recorded held at that time, which a whole-engine list shows. */
const OTHER_CONTENT = "the list is of all that an engine holds: each kind's own case compares its members";

/**
 * Where berth answers something else than the real engine, by `CASE#STEP`, each with a reason: `berth` is what the
 * comparison says then (another status or text), `shape` the members that may differ.
 */
export const API_DIFFERENCES: Readonly<
  Record<string, { reason: string; berth?: string; shape?: readonly (string | RegExp)[] }>
> = {
  "http/errors#13": {
    reason: FAULT_OF_THE_REQUEST,
    berth: '400 strconv.Atoi: parsing "x": invalid syntax instead of 500 strconv.Atoi: parsing "x": invalid syntax',
  },
  "create/refused#0": {
    reason: "a container without an image cannot run; Docker makes one that every later call trips over",
    berth: "400 invalid reference format instead of 201 ",
  },
  "create/refused#31": {
    reason: "a mode that is not known is refused; Docker keeps it and ignores it, as if it were in force",
    berth: "400 invalid user namespace mode: nosuch instead of 201 ",
  },
  "shapes/container#12": {
    reason: "Docker's text runs two words together",
    berth: "400 bad parameter: 'path' cannot be empty instead of 400 bad parameter: pathcannot be empty",
  },
  "shapes/running#5": {
    reason: "one shot names its container like every other sample; counters of memory are the kernel's, all of them",
    shape: ["+.id:string", "+.name:string", /^\+\.memory_stats\.\*\.\w+:number$/],
  },
  "shapes/running#7": {
    reason: FAULT_OF_THE_REQUEST,
    berth: "400 Invalid escape keys (nosuch) provided instead of 500 Invalid escape keys (nosuch) provided",
  },
  "images#8": {
    reason: "a tag without a name names nothing; Docker answers 200 and does nothing",
    berth: "400 invalid reference format instead of 200 ",
  },
  "networks#1": {
    reason: "the gateway that containers use is shown also when the engine chose it",
    shape: ["+.IPAM.Config[].Gateway:string"],
  },
  "networks#3": {
    reason: "the gateway that containers use is shown also when the engine chose it",
    shape: ["+[].IPAM.Config[].Gateway:string"],
  },
  "networks#13": {
    reason: "both are missing: the network is what the path names, so it is told first",
    berth: "404 network nosuch not found instead of 404 No such container: nosuch",
  },
  "system#1": {
    reason:
      "there is no containerd, no CDI and no runtime that describes itself; address pools are those of the options, of " +
      "which this engine has none; an empty list is a list; warnings also name limits that this kernel lacks",
    shape: [
      /^-\.(Containerd|CDISpecDirs|DefaultAddressPools)\b/,
      /^-\.Runtimes\.\*\.status\b/,
      /^[-+]\.(GenericResources|Plugins\.Authorization|RegistryConfig\.Mirrors|Warnings):(null|list)$/,
      "+.Warnings[]:string",
    ],
  },
  "system#2": {
    reason: OTHER_CONTENT,
    shape: [/^[-+]\.(Containers|Images|Volumes)\[\]/],
  },
  "system#4": {
    reason: FAULT_OF_THE_REQUEST,
    berth:
      '400 strconv.ParseInt: parsing "x": invalid syntax instead of 500 strconv.ParseInt: parsing "x": invalid syntax',
  },
};
