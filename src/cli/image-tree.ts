import type { ImageSummary } from "../api/index.ts";
import type { Platform } from "../spec/index.ts";
import type { Io } from "./io.ts";
import { ellipsis, shortId } from "./targets.ts";
import { humanSize } from "./units.ts";

/** `images --tree`, in the columns and colours of Docker's command. */

interface Cells {
  id: string;
  usage: string;
  content: string;
  inUse: boolean;
}

interface Line extends Cells {
  names: readonly string[];
  children: readonly (Cells & { platform: string })[];
}

interface Column {
  title: string;
  width: number;
  cell(cells: Cells, paint: Paint): string;
}

const SPACING = 3;
/** A column of names narrower than this costs the last of the others its place. */
const MIN_NAME = 12;
const PLAIN_WIDTH = 80;

const CODES = { title: "39m\x1b[1m", name: "34m\x1b[1m", normal: "39m", warning: "93m" } as const;
type Paint = (color: keyof typeof CODES, text: string) => string;
const painted: Paint = (color, text) => `\x1b[${CODES[color]}${text}\x1b[0m`;
const unpainted: Paint = (_, text) => text;

const COLUMNS: readonly Column[] = [
  { title: "ID", width: 12, cell: ({ id }, paint) => left(paint, "normal", id, 12) },
  { title: "DISK USAGE", width: 10, cell: ({ usage }, paint) => right(paint, usage, 10) },
  { title: "CONTENT SIZE", width: 12, cell: ({ content }, paint) => right(paint, content, 12) },
  { title: "EXTRA", width: 5, cell: ({ inUse }, paint) => (inUse ? chip(paint) : "").padEnd(5) },
];

/** @param images as the engine lists them with their manifests; those without names are left out. */
export async function printImageTree(io: Io, images: readonly ImageSummary[]): Promise<void> {
  const terminal = (await io.isTerminal(1)) ? ((await io.terminalSize()) ?? { columns: PLAIN_WIDTH }) : undefined;
  const paint = terminal === undefined ? unpainted : painted;
  const width = Math.max(20, terminal?.columns ?? PLAIN_WIDTH);
  const lines = images.filter(({ RepoTags }) => (RepoTags ?? []).length > 0).map(lineOf);
  const spaced = lines.some(({ children }) => children.length > 0);
  const { columns, nameWidth } = fit(width, lines);

  const warning = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";
  io.out(`${paint("warning", warning)}\n${legend(terminal !== undefined, width)}\n\n`);
  // Docker's command paints headings also on a pipe
  const headings = columns.map(({ title, width: wide }) => left(painted, "title", title, wide));
  io.out(`${[left(painted, "title", "IMAGE", nameWidth), ...headings].join(" ".repeat(SPACING))}\n`);
  for (const line of lines) {
    const last = line.names.at(-1) ?? "";
    for (const name of line.names.slice(0, -1))
      io.out(`${paint("name", terminal === undefined ? name : ellipsis(name, terminal.columns))}\n`);
    const row = (first: string, cells: Cells) =>
      `${[first, ...columns.map((column) => column.cell(cells, paint))].join(" ".repeat(SPACING))}\n`;
    io.out(row(left(paint, "name", last, nameWidth), line));
    for (const [index, child] of line.children.entries()) {
      const branch = index === line.children.length - 1 ? "└─" : "├─";
      io.out(row(left(paint, "normal", `${branch} ${child.platform}`, nameWidth), child));
    }
    if (spaced) io.out("\n");
  }
}

function lineOf(image: ImageSummary): Line {
  const manifests = image.Manifests ?? [];
  const children = manifests.flatMap(({ ID, Kind, Size, ImageData }) => {
    if (Kind !== "image" || ImageData === undefined || ImageData === null) return [];
    const { os, architecture, variant } = ImageData.Platform as Partial<Platform>; // the document leaves its members out
    return {
      platform: [os, architecture, variant].filter((part) => part !== "" && part !== undefined).join("/"),
      id: shortId(ID),
      usage: humanSize(Size.Total, 3),
      content: humanSize(Size.Content, 3),
      inUse: (ImageData.Containers ?? []).length > 0,
    };
  });
  const content = manifests.reduce((sum, { Size }) => sum + Size.Content, 0);
  return {
    // The shortest beside the columns
    names: (image.RepoTags ?? []).toSorted((a, b) => b.length - a.length),
    children,
    id: shortId(image.Id),
    usage: humanSize(image.Size, 3),
    content: humanSize(content, 3),
    inUse: children.some(({ inUse }) => inUse),
  };
}

/** The columns that there is room for, and how wide names may be. */
function fit(width: number, lines: readonly Line[]): { columns: readonly Column[]; nameWidth: number } {
  let room = width;
  let kept = 0;
  for (const column of COLUMNS) {
    if (room - column.width - SPACING < MIN_NAME) break;
    room -= column.width + SPACING;
    kept++;
  }
  const first = lines.flatMap(({ names, children }) => [...names, ...children.map(({ platform }) => `├─ ${platform}`)]);
  const widest = Math.max("IMAGE".length, ...first.map((text) => Array.from(text).length));
  return { columns: COLUMNS.slice(0, kept), nameWidth: Math.min(room, widest) };
}

function left(paint: Paint, color: keyof typeof CODES, text: string, width: number): string {
  const shown = ellipsis(text, width);
  return paint(color, shown) + " ".repeat(Math.max(0, width - Array.from(shown).length));
}

function right(paint: Paint, text: string, width: number): string {
  return " ".repeat(Math.max(0, width - text.length)) + paint("normal", text);
}

function chip(paint: Paint): string {
  return paint === unpainted ? "U" : "\x1b[38;5;0m\x1b[48;5;14m U \x1b[0m";
}

function legend(terminal: boolean, width: number): string {
  const plain = terminal ? "i Info →   U  In Use " : "Info ->  U In Use ";
  const shown = terminal
    ? `\x1b[1m\x1b[106m\x1b[30mi\x1b[0m\x1b[0m \x1b[96mInfo → \x1b[0m\x1b[0m ${chip(painted)} In Use `
    : plain;
  return " ".repeat(Math.max(0, width - Array.from(plain).length)) + shown;
}
