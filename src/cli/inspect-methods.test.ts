import { describe, expect, test } from "bun:test";
import { compileTemplate } from "../template/index.ts";
import { typed } from "./inspect-types.ts";

/** A template as Docker's command runs it on its own types. */
function render(template: string, host: Readonly<Record<string, unknown>>): string {
  const whole = typed({
    HostConfig: { NetworkMode: "bridge", RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 }, ...host },
    Config: { ExposedPorts: { "80/tcp": {}, "53/udp": {} } },
  });
  if (whole === undefined) throw new Error("not a container");
  return compileTemplate(template, { missingKey: "error" }).execute(whole.value, {
    open: whole.open,
    keys: whole.keys,
  });
}

describe("what inspect's templates may ask of Docker's types", () => {
  const MODES: readonly (readonly [member: string, mode: string, printed: string])[] = [
    ["NetworkMode.IsBridge", "bridge", "true"],
    ["NetworkMode.IsPrivate", "bridge", "true"],
    ["NetworkMode.IsPrivate", "host", "false"],
    ["NetworkMode.IsUserDefined", "default", "false"],
    ["NetworkMode.UserDefined", "mine", "mine"],
    ["NetworkMode.UserDefined", "none", ""],
    ["NetworkMode.ConnectedContainer", "container:abc", "abc"],
    ["NetworkMode.NetworkName", "container:abc", "container"],
    ["IpcMode.IsShareable", "shareable", "true"],
    ["IpcMode.Valid", "container:", "false"],
    ["PidMode.IsPrivate", "", "true"],
    ["PidMode.Container", "container:abc", "abc"],
    ["UTSMode.IsHost", "host", "true"],
    ["UsernsMode.Valid", "private", "false"],
    ["CgroupnsMode.IsEmpty", "", "true"],
    ["Cgroup.Container", "container:abc", "abc"],
    ["Isolation.IsProcess", "Process", "true"],
  ];
  test.each(MODES)("%s of %p is %p", (member, mode, printed) => {
    const [name = ""] = member.split(".");
    expect(render(`{{.HostConfig.${member}}}`, { [name]: mode })).toBe(printed);
  });

  test("a mode is a string wherever it goes", () => {
    const template =
      '{{$m := .HostConfig.NetworkMode}}{{$m}} {{json $m}} {{len $m}} {{upper $m}} {{eq $m "bridge"}} {{if $m}}y{{end}} ' +
      "{{with $m}}{{.IsHost}}{{end}}";
    expect(render(template, {})).toBe('bridge "bridge" 6 BRIDGE true y false');
  });

  test("a mode that the engine leaves out has its methods, and is not among what is printed of the whole", () => {
    expect(render("{{.HostConfig.UTSMode.IsPrivate}} {{json .HostConfig}}", {})).toBe(
      'true {"NetworkMode":"bridge","RestartPolicy":{"Name":"on-failure","MaximumRetryCount":2}}',
    );
  });

  test("a restart policy tells which it is", () => {
    const template =
      "{{with .HostConfig.RestartPolicy}}{{.IsNone}} {{.IsAlways}} {{.IsOnFailure}} {{.IsUnlessStopped}}{{end}}";
    expect(render(template, {})).toBe("false false true false");
  });

  test("the keys of ports have their number and protocol", () => {
    const template =
      "{{range $port, $_ := .Config.ExposedPorts}}{{$port}} is {{$port.Port}} {{$port.Proto}} {{$port.Int}};{{end}}";
    expect(render(template, {})).toBe("53/udp is 53 udp 53;80/tcp is 80 tcp 80;");
  });

  test("methods take no arguments", () => {
    expect(() => render("{{.HostConfig.NetworkMode.IsHost 1}}", {})).toThrow(
      "wrong number of args for IsHost: want 0 got 1",
    );
  });

  test("what a type has not is an error", () => {
    expect(() => render("{{.HostConfig.NetworkMode.Nope}}", {})).toThrow("can't evaluate field Nope in type string");
  });
});
