import type { Mount } from "../api/index.ts";
import { absolutePath } from "./absolute-path.ts";
import { FlagError } from "./errors.ts";
import { splitCsv } from "./flags.ts";
import { parseBytes } from "./units.ts";

/** Reads `--mount type=…,src=…,dst=…`. @throws FlagError with Docker's text. */
export function parseMount(text: string): Mount {
  if (text === "") throw new FlagError("EOF");
  const mount: Mount & { Type: NonNullable<Mount["Type"]> } = { Type: "volume" };
  for (const field of splitCsv(text)) {
    const equals = field.indexOf("=");
    const key = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
    if (equals === -1 && !["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"].includes(key)) {
      throw new FlagError(`invalid field '${field}' must be a key=value pair`);
    }
    setField(mount, key, equals === -1 ? "true" : field.slice(equals + 1));
  }
  const type: string = mount.Type;
  if (type === "") throw new FlagError("type is required");
  if ((mount.Target ?? "") === "") throw new FlagError("target is required");
  checkOptions(mount);
  return mount;
}

function setField(mount: Mount & { Type: NonNullable<Mount["Type"]> }, key: string, value: string): void {
  const isTrue = () => boolean(key, value);
  switch (key) {
    case "type":
      // What the type may be is the engine's to say
      mount.Type = value.toLowerCase() as NonNullable<Mount["Type"]>;
      break;
    case "source":
    case "src":
      mount.Source = /^\.{1,2}(?:\/|$)/.test(value) ? absolutePath(value) : value;
      break;
    case "target":
    case "dst":
    case "destination":
      mount.Target = value;
      break;
    case "readonly":
    case "ro":
      mount.ReadOnly = isTrue();
      break;
    case "consistency":
      mount.Consistency = value.toLowerCase();
      break;
    case "bind-propagation": {
      // What it may be is the engine's to say
      const Propagation = value.toLowerCase() as NonNullable<Mount["BindOptions"]>["Propagation"];
      mount.BindOptions = { ...mount.BindOptions, ...(Propagation === undefined ? {} : { Propagation }) };
      break;
    }
    case "bind-nonrecursive":
      mount.BindOptions = { ...mount.BindOptions, NonRecursive: isTrue() };
      break;
    case "bind-create-src":
      mount.BindOptions = { ...mount.BindOptions, CreateMountpoint: isTrue() };
      break;
    case "bind-recursive":
      setRecursive(mount, value);
      break;
    case "volume-subpath":
      mount.VolumeOptions = { ...mount.VolumeOptions, Subpath: value };
      break;
    case "image-subpath":
      mount.ImageOptions = { ...mount.ImageOptions, Subpath: value };
      break;
    case "volume-nocopy":
      mount.VolumeOptions = { ...mount.VolumeOptions, NoCopy: isTrue() };
      break;
    case "volume-label":
      mount.VolumeOptions = { ...mount.VolumeOptions, Labels: { ...mount.VolumeOptions?.Labels, ...pair(value) } };
      break;
    case "volume-driver":
      mount.VolumeOptions = {
        ...mount.VolumeOptions,
        DriverConfig: { ...mount.VolumeOptions?.DriverConfig, Name: value },
      };
      break;
    case "volume-opt": {
      const driver = mount.VolumeOptions?.DriverConfig;
      mount.VolumeOptions = {
        ...mount.VolumeOptions,
        DriverConfig: { ...driver, Options: { ...driver?.Options, ...pair(value) } },
      };
      break;
    }
    case "tmpfs-size":
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: size(key, value) };
      break;
    case "tmpfs-mode":
      if (!/^[0-7]+$/.test(value)) throw new FlagError(`invalid value for tmpfs-mode: ${value}`);
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) };
      break;
    default:
      throw new FlagError(`unexpected key '${key}' in '${key}=${value}'`);
  }
}

function setRecursive(mount: Mount, value: string): void {
  const options = { ...mount.BindOptions };
  if (value === "disabled") options.NonRecursive = true;
  else if (value === "writable") options.ReadOnlyNonRecursive = true;
  else if (value === "readonly") options.ReadOnlyForceRecursive = true;
  else if (value !== "enabled")
    throw new FlagError(
      `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
    );
  mount.BindOptions = options;
}

function checkOptions(mount: Mount): void {
  const { BindOptions: bind = {} } = mount;
  const need = (recursive: string, option: string) =>
    new FlagError(`option 'bind-recursive=${recursive}' requires '${option}' to be specified in conjunction`);
  if (bind.ReadOnlyNonRecursive === true && mount.ReadOnly !== true) throw need("writable", "readonly");
  if (bind.ReadOnlyForceRecursive === true && mount.ReadOnly !== true) throw need("readonly", "readonly");
  if (bind.ReadOnlyForceRecursive === true && bind.Propagation !== "rprivate")
    throw need("readonly", "bind-propagation=rprivate");
  const refuse = (options: unknown, prefix: string, type: string) => {
    if (options !== undefined && mount.Type !== type) {
      throw new FlagError(`cannot mix '${prefix}-*' options with mount type '${mount.Type ?? ""}'`);
    }
  };
  refuse(mount.VolumeOptions, "volume", "volume");
  refuse(mount.ImageOptions, "image", "image");
  refuse(mount.BindOptions, "bind", "bind");
  refuse(mount.TmpfsOptions, "tmpfs", "tmpfs");
}

function boolean(key: string, value: string): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(value)) return false;
  throw new FlagError(`invalid value for ${key}: ${value}`);
}

function size(key: string, value: string): number {
  try {
    return parseBytes(value);
  } catch {
    throw new FlagError(`invalid value for ${key}: ${value}`);
  }
}

/** `name=value` as a member; nothing when it names nothing. */
function pair(text: string): Record<string, string> {
  const equals = text.indexOf("=");
  if (text === "" || equals === 0) return {};
  return equals === -1 ? { [text]: "" } : { [text.slice(0, equals)]: text.slice(equals + 1) };
}
