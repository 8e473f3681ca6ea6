import { describe, expect, test } from "bun:test";
import { compileTemplate } from "./index.ts";

/** What docker's command (28.2) printed for each. */
const results: [template: string, output: string][] = [
  ["{{1i}} {{2+3i}} {{1e3+2e-3i}} {{.5i}} {{0i}} {{-1-2i}}", "(0+1i) (2+3i) (1000+0.002i) (0+0.5i) (0+0i) (-1-2i)"],
  ['{{eq 1i 1i}} {{if 0i}}a{{end}} {{not 1i}} {{print 1i 2 "a"}}', "true  false (0+1i) 2a"],
  ["{{1000000.0}} {{1234567.5}} {{1e20}} {{0.00001}} {{-0.0}} {{1e3}}", "1e+06 1.2345675e+06 1e+20 1e-05 -0 1000"],
  ["{{9223372036854775807}} {{0x1p4}} {{0x1p-2}} {{017}} {{0b101}}", "9223372036854775807 16 0.25 15 5"],
  ["{{1_0.5}} {{5.}} {{+1.5}}", "10.5 5 1.5"],
  ['{{printf "%T %T %T %d %f %f" 1.0 1 1i 1.0 1.0 1}}', "float64 int complex128 %!d(float64=1) 1.000000 %!f(int=1)"],
  [
    '{{printf "%d %x %.1f %e" 1i 1i 1i 1i}}',
    "%!d(complex128=(0+1i)) (0x0p+00+0x1p+00i) (0.0+1.0i) (0.000000e+00+1.000000e+00i)",
  ],
  ['{{printf "%5.1v %08v %+v" 1i 1i 1.5i}}', "(    0   +1i) (00000000+0000001i) (0+1.5i)"],
  ['{{printf "%[1]*d|%[2]*[1]d|%[3]*.[2]*[1]f" 5 6 7}}', "    6|     5|%!f(int= 000005)"],
  ['{{printf "%[3]*.[2]*[1]f" 12.0 2 6}}', " 12.00"],
  ['{{printf "%[x]d|%[]d|%[5]d" 6}}', "%!d(BADINDEX)|%!d(BADINDEX)|%!d(BADINDEX)"],
  ['{{printf "%[1]" 6}}|{{printf "%[1" 6}}', "%!(NOVERB)|%!(NOVERB)"],
  ['{{printf "%-*d|" -5 3}}{{printf "%.*f" -2 3.5}}', "3    |%!(BADPREC)3.500000"],
  ['{{printf "%+q %q %+q %#U %U" "\u00e9" 10 0xe9 10 10}}', "\"\\u00e9\" '\\n' '\\u00e9' U+000A U+000A"],
  ['{{printf "%#x %# x" "hello" "hello"}}', "0x68656c6c6f 0x68 0x65 0x6c 0x6c 0x6f"],
  ['{{printf "%5.3d|%.0d|%+.3d|%06.3d|%x" 5 0 5 5 -255}}', "  005||+005|   005|-ff"],
  ['{{printf "%g %.3g %.10g %G %g" 123456789.0 123456.0 100.0 1e-7 1e-7}}', "1.23456789e+08 1.23e+05 100 1E-07 1e-07"],
  ['{{printf "%b %x %.3x %.0x" 1.5 1.5 3.14159 1.5}}', "6755399441055744p-52 0x1.8p+00 0x1.922p+01 0x1p+01"],
  ['{{printf "%v %+v % v" 1 1 1}}', "1 1  1"],
  ['{{html 1 nil 2}} {{js "\\u00a0\\ue000"}}', "1&lt;no value&gt;2 \\u00A0\\uE000"],
  ['{{define "a"}} {{end}}{{define "a"}}x{{end}}{{template "a"}}', "x"],
  ['{{pad "a" 1.0 2}}|', " a  |"],
  [
    '{{printf "%5f|%5d|%-5d|%05d|%.1d" 6 "hi" "hi" "hi" "hi"}}',
    "%!f(int=    6)|%!d(string=   hi)|%!d(string=hi   )|%!d(string=000hi)|%!d(string=h)",
  ],
];

describe("numbers and formats as Go's", () => {
  for (const [source, output] of results) {
    test(source, () => expect(compileTemplate(source).execute({})).toBe(output));
  }
});

const failures: [template: string, message: string][] = [
  ["{{eq 1 1.0}}", "<eq 1 1.0>: error calling eq: incompatible types for comparison"],
  ["{{lt 1 1.5}}", "error calling lt: incompatible types for comparison"],
  ["{{lt true 1}}", "error calling lt: incompatible types for comparison"],
  ["{{lt 1i 2i}}", "error calling lt: invalid type for comparison"],
  ['{{eq "a" (split "a" ",")}}', "error calling eq: incompatible types for comparison"],
  ["{{1e400}}", 'template: :1: illegal number syntax: "1e400"'],
  ["{{1__0}}", 'template: :1: illegal number syntax: "1__0"'],
  ["{{1e+}}", 'template: :1: illegal number syntax: "1e+"'],
  ["{{+}}", 'template: :1: illegal number syntax: "+"'],
  ["{{3-}}", 'template: :1: bad number syntax: "3-"'],
  ["{{1+2}}", 'template: :1: bad number syntax: "1+2"'],
  ["{{08}}", 'template: :1: integer overflow: "08"'],
  ["{{99999999999999999999}}", 'template: :1: integer overflow: "99999999999999999999"'],
  ["{{9223372036854775808}}", '1:2: executing "" at <9223372036854775808>: 9223372036854775808 overflows int'],
  ["{{''}}", "template: :1: invalid syntax"],
  ["{{range 1.0}}x{{end}}", "<1.0>: range can't iterate over 1"],
  ['{{index "abc" 1.0}}', "cannot index slice/array with type float64"],
  ['{{index "abc" 3}}', "reflect: string index out of range"],
  ['{{index (split "a,b" ",") 2}}', "reflect: slice index out of range"],
  ["{{index nil}}", "error calling index: index of untyped nil"],
  ['{{slice (split "a,b,c" ",") 1 3 2}}', "error calling slice: invalid slice index: 3 > 2"],
  ["{{len nil}}", "error calling len: reflect: call of reflect.Value.Type on zero Value"],
  ["{{lower nil}}", "<nil>: cannot assign nil to string"],
  ["{{json 1i}}", "error calling json: json: unsupported type: complex128"],
  ["{{$x = 4}}", '1:7: executing "" at <4>: undefined variable: $x'],
  ['{{$x = len "a"}}', '1:11: executing "" at <"a">: undefined variable: $x'],
  ['{{define "a"}}x{{end}}{{block "a" 1}}y{{end}}', 'template: :1: template: multiple definition of template "a"'],
  ['{{if true}}{{define "a"}}{{end}}{{end}}', "template: :1: unexpected <define> in command"],
  ["{{with 1}}{{else if 1}}{{end}}", "template: :1: unexpected <if> in input"],
  ["{{break 1}}", 'template: :1: unexpected "1" in {{break}}'],
];

describe("their errors as Go's", () => {
  for (const [source, message] of failures) {
    test(source, () => expect(() => compileTemplate(source).execute({})).toThrow(message));
  }
});
