import { describe, expect, test } from "bun:test";
import { compileTemplate, HOSTILE_TEMPLATE_LIMITS, Struct, TemplateError } from "./index.ts";

const data = {
  Name: "web",
  Count: 3,
  Ratio: 1.5,
  On: true,
  Empty: "",
  None: null,
  List: ["a", "b", "c"],
  Labels: { b: "2", a: "1" },
  State: { Health: { Status: "healthy" } },
  Pairs: [
    { K: "x", V: 1 },
    { K: "y", V: 2 },
  ],
};

const run = (source: string, over: unknown = data, options = {}) => compileTemplate(source, options).execute(over);

const results: [template: string, output: string][] = [
  ["plain", "plain"],
  ["{{.Name}}", "web"],
  ["{{ .Name }}!", "web!"],
  ["{{.}}".replace(".", ".Labels"), "map[a:1 b:2]"],
  ["{{.List}}", "[a b c]"],
  ["{{.Missing}}", "<no value>"],
  ["{{.None}}", "<no value>"],
  ["{{.Missing.Deeper}}", "<no value>"],
  ["{{.Count}} {{.Ratio}} {{.On}}", "3 1.5 true"],
  ["{{.State.Health.Status}}", "healthy"],
  ["{{(index .Pairs 1).K}}", "y"],
  ["a {{- .Name -}} b", "awebb"],
  ["a {{/* comment */ -}} b", "a b"],
  ["{{if .On}}y{{else}}n{{end}}", "y"],
  ["{{if .Empty}}y{{else if .Count}}c{{else}}n{{end}}", "c"],
  ["{{if not .Empty}}y{{end}}", "y"],
  ["{{with .State}}{{.Health.Status}}{{end}}", "healthy"],
  ["{{with .Empty}}x{{else}}none{{end}}", "none"],
  ["{{range .List}}{{.}},{{end}}", "a,b,c,"],
  ["{{range $i, $e := .List}}{{$i}}={{$e}} {{end}}", "0=a 1=b 2=c "],
  ["{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=1;b=2;"],
  ["{{range .None}}x{{else}}empty{{end}}", "empty"],
  ['{{range .List}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', "ac"],
  ['{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"],
  ["{{range 3}}{{.}}{{end}}", "012"],
  ["{{$x := .Name}}{{$x}}{{$.Count}}", "web3"],
  ["{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"],
  ['{{define "t"}}[{{.}}]{{end}}{{template "t" .Name}}', "[web]"],
  ['{{block "t" .Name}}<{{.}}>{{end}}', "<web>"],
  ["{{.Name | upper}}", "WEB"],
  ['{{.Name | printf "%s-%d" "x"}}', "x-%!d(string=web)"],
  ['{{printf "%s-%d" .Name .Count}}', "web-3"],
  [
    '{{printf "%5d|%-5s|%05d|%.2f|%q|%x|%v|%t" 42 "ab" 42 1.5 "q" 255 .List true}}',
    '   42|ab   |00042|1.50|"q"|ff|[a b c]|true',
  ],
  ['{{printf "%d%%" 5}} {{printf "%d"}} {{printf "x" 1}}', "5% %!d(MISSING) x%!(EXTRA int=1)"],
  ['{{print 1 2 "a" "b" 3}}', "1 2a b3".replace("a b", "ab")],
  ['{{println "a" 1}}', "a 1\n"],
  ["{{json .Labels}}", '{"b":"2","a":"1"}'],
  ['{{json "<&>"}}', '"<&>"'],
  ["{{json .None}} {{.List | json}}", 'null ["a","b","c"]'],
  ['{{join .List "/"}}', "a/b/c"],
  ['{{split "a:b" ":"}}', "[a b]"],
  ['{{title "hello big world"}}', "Hello Big World"],
  ['{{lower "ABC"}}', "abc"],
  ['{{pad "x" 1 2}}|', " x  |"],
  ['{{truncate "abcdef" 3}} {{truncate "ab" 3}}', "abc ab"],
  ["{{len .List}} {{len .Name}} {{len .Labels}}", "3 3 2"],
  ['{{index .Labels "a"}}{{index .Labels "zz"}}.', "1."],
  ["{{slice .Name 1}} {{slice .List 0 2}}", "eb [a b]"],
  ['{{eq .Name "x" "web"}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 2}}', "true true true true false true"],
  ['{{and 1 0}} {{and 1 2}} {{or 0 "x"}} {{or 0 ""}}.', "0 2 x ."],
  ["{{and .Empty (index .List 99)}}.", "."],
  ['{{html "<a>"}} {{urlquery "a b&c"}} {{js "it\'s"}}', "&lt;a&gt; a+b%26c it\\'s"],
  ["{{\"a\\tb\\u00e9\"}}{{`raw\\n`}}{{'a'}}", "a\tbéraw\\n97"],
  ["{{0x10}} {{1_000}} {{-5}} {{1e3}} {{.5}}", "16 1000 -5 1000 0.5"],
  ["{{with $x := .Name}}{{$x}}{{end}}", "web"],
  ["{{true}} {{nil | print}}".replace("{{nil | print}}", "{{print nil}}"), "true <nil>"],
  ['{{printf "%[2]d %[1]d" 1 2}}', "2 1"],
  ['{{printf "%[3]d" 1 2}}', "%!d(BADINDEX)"],
  ['{{printf "% x" "hey"}}', "68 65 79"],
  ['{{printf "%#U" 0x754C}}', "U+754C '\u754c'"],
  [`{{title "hello world-foo bar_baz'x"}}`, "Hello World-Foo Bar_baz'X"],
];

describe("results as Go's", () => {
  for (const [source, output] of results) test(source, () => expect(run(source)).toBe(output));
});

const parseErrors: [template: string, message: string][] = [
  ["{{.Foo", "template: :1: unclosed action"],
  ["{{.Foo}", "template: :1: bad character U+007D '}'"],
  ["{{foo}}", 'template: :1: function "foo" not defined'],
  ["{{if .X}}", "template: :1: unexpected EOF"],
  ["{{end}}", "template: :1: unexpected {{end}}"],
  ["{{else}}", "template: :1: unexpected {{else}}"],
  ["{{}}", "template: :1: missing value for command"],
  ["{{if}}x{{end}}", "template: :1: missing value for if"],
  ["\n{{$x}}", 'template: :2: undefined variable "$x"'],
  ['{{"abc}}', "template: :1: unterminated quoted string"],
  ["{{`abc}}", "template: :1: unterminated raw quoted string"],
  ["{{/* x }}", "template: :1: unclosed comment"],
  ["{{/* x */ .A}}", "template: :1: comment ends before closing delimiter"],
  ["{{(.A}}", "template: :1: unclosed left paren"],
  ["{{.A)}}", "template: :1: unexpected right paren"],
  ["{{%}}", 'template: :1: unexpected "%" in command'],
  ["{{@}}", 'template: :1: unexpected "@" in command'],
  ["{{\u00a7}}", "template: :1: unrecognized character in action: U+00A7 '\u00a7'"],
  ["{{.A | 1}}", "template: :1: non executable command in pipeline stage 2"],
  ["{{break}}", "template: :1: {{break}} outside {{range}}"],
  ["{{1.2.3}}", "template: :1: "],
];

describe("parse errors as Go's", () => {
  for (const [source, message] of parseErrors) {
    test(JSON.stringify(source), () => expect(() => run(source)).toThrow(message));
  }
});

const container = new Struct("*formatter.ContainerContext", { ID: "abc", Label: (name: string) => `<${name}>` });

const executeErrors: [template: string, over: unknown, message: string][] = [
  [
    "{{.Foo}}",
    container,
    'template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type *formatter.ContainerContext',
  ],
  ["{{.Label}}", container, "wrong number of args for Label: want 1 got 0"],
  ["{{.ID 1}}", container, "ID has arguments but cannot be invoked as function"],
  ["{{.Name.Foo}}", data, 'template: :1:7: executing "" at <.Name.Foo>: can\'t evaluate field Foo in type string'],
  ["{{.None.Foo}}", data, "nil pointer evaluating interface {}.Foo"],
  [
    "{{index .List 9}}",
    data,
    'template: :1:2: executing "" at <index .List 9>: error calling index: index out of range: 9',
  ],
  ["{{len 3}}", data, "at <len 3>: error calling len: len of type int"],
  ["{{lower 3}}", data, "at <3>: expected string; found 3"],
  ["{{lower .Count}}", data, "at <.Count>: wrong type for value; expected string; got int"],
  ['{{truncate .Name "x"}}', data, 'at <"x">: expected integer; found "x"'],
  ["{{call .Name}}", data, "at <call .Name>: error calling call: non-function .Name of type string"],
  ["{{(.Name).Foo}}", data, 'template: :1:3: executing "" at <.Name>: can\'t evaluate field Foo in type string'],
  ["{{range $i, $e := .Name}}x{{end}}", data, ':1:18: executing "" at <.Name>: range can\'t iterate over web'],
  ["{{pad .Name -1 0}}", data, "error calling pad: strings: negative Repeat count"],
  ["{{truncate .Name -1}}", data, "error calling truncate: runtime error: slice bounds out of range [:-1]"],
  ['{{join "abc" ","}}', data, 'at <"abc">: can\'t handle "abc" for arg of type []string'],
  ["{{lower}}", data, "at <lower>: wrong number of args for lower: want 1 got 0"],
  ["{{.Name 1}}", data, "Name is not a method but has arguments"],
  ["{{1 2}}", data, "can't give argument to non-function 1"],
  ['{{lt 1 "a"}}', data, "incompatible types for comparison"],
  ['{{template "x"}}', data, ':1:11: executing "" at <{{template "x"}}>: template "x" not defined'],
  ["{{range .Name}}x{{end}}", data, "range can't iterate over web"],
];

describe("execution errors as Go's", () => {
  for (const [source, over, message] of executeErrors)
    test(source, () => expect(() => run(source, over)).toThrow(message));
});

test("missing keys fail when asked to", () => {
  expect(() => run("{{.State.Foo}}", data, { missingKey: "error" })).toThrow(
    'template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"',
  );
});

test("methods take arguments, also from the pipeline", () => {
  expect(run('{{.Label "a"}} {{"b" | .Label}}', container)).toBe("<a> <b>");
});

test("a property of JavaScript's own is no field", () => {
  expect(run("{{.constructor}}{{.__proto__}}", {})).toBe("<no value><no value>");
});

describe("hostile templates end with an error", () => {
  const hostile = (source: string) => () =>
    run(source, { L: Array.from({ length: 1000 }, () => "x") }, HOSTILE_TEMPLATE_LIMITS);
  test("loops in loops", () =>
    expect(hostile("{{range $.L}}{{range $.L}}{{range $.L}}x{{end}}{{end}}{{end}}")).toThrow(TemplateError));
  test("a template that calls itself", () => {
    expect(hostile('{{define "t"}}{{template "t"}}{{end}}{{template "t"}}')).toThrow("exceeded maximum template depth");
  });
  test("deep parentheses", () =>
    expect(hostile(`{{${"(".repeat(500)}1${")".repeat(500)}}}`)).toThrow("nested too deeply"));
  test("wide fields", () => expect(run('{{printf "%99999999999d" 1}}')).toBe("%!(NOVERB)%!(EXTRA int=1)"));
  test("long source", () => expect(hostile("x".repeat(5000))).toThrow("too long"));
});

test("keys may have other names", () => {
  const options = { missingKey: "error", aliases: { ID: "Id" } } as const;
  expect(run("{{.ID}} {{.Id}}", { Id: "x" }, options)).toBe("x x");
  expect(run("{{.ID}}", { Id: "x", ID: "y" }, options)).toBe("y");
  expect(() => run("{{.ID}}", {}, options)).toThrow('map has no entry for key "ID"');
});
