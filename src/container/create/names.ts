import { randomInt } from "node:crypto";
import { invalidName } from "../errors.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** @throws invalid unless it is two or more of the allowed characters; gives it without the leading slash. */
export function parseName(text: string): string {
  const name = text.replace(/^\//, "");
  if (!NAME.test(name)) throw invalidName(text);
  return name;
}

/** A name nobody chose: an adjective and someone of science, engineering or exploration; a digit when crowded. */
export function randomName(isFree: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const base = `${pick(ADJECTIVES)}_${pick(SURNAMES)}`;
    const name = attempt < 6 ? base : `${base}${randomInt(10 ** Math.min(attempt - 5, 9))}`;
    if (isFree(name)) return name;
  }
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] ?? "";
}

const ADJECTIVES = words(`
  able agile alert amber ample apt azure balmy blithe bold brave breezy brisk bright calm candid careful cheery chipper
  clear clever coastal cosy crisp curious dapper daring deft eager early earnest even fair famous fleet fluent fond frank
  free fresh gentle genial gifted glad golden grand happy hardy hearty honest humble jolly jovial keen kind lively loyal
  lucid lucky lunar mellow merry mild modest neat nifty nimble noble patient peppy placid plucky polite proud quick quiet
  radiant rapid ready roomy rosy sage sane serene sharp shiny silent silver sincere sleek smart snug sober solar sound
  spry stable steady stellar still sturdy sunny sure swift tidal tidy trim true upbeat vivid warm wary wise witty zesty
`);

const SURNAMES = words(`
  abel agnesi alhazen ampere anning archimedes aryabhata avicenna babbage banneker barton bassi bell bernoulli bohr boole
  bose brahe brunel cantor carson carver cassini cauchy cerf chandra clarke cochran copernicus cori curie darwin davy
  dijkstra dirac earhart edison einstein elion engelbart erdos euclid euler faraday fermat fermi feynman fibonacci
  fleming franklin galileo galois gauss germain goodall hamilton hawking heisenberg herschel hertz hilbert hodgkin hooke
  hopper hubble hypatia johnson joule kepler khayyam knuth kovalevsky lamarr laplace leavitt leibniz liskov lovelace
  maxwell mayer mcclintock meitner mendel mendeleev mirzakhani moser napier nash newton nightingale noether ohm pascal
  pasteur pauling payne planck poincare ptolemy ramanujan rhodes ride ritchie rubin sagan shannon sinoussi somerville
  stallman swartz tesla thompson torvalds tu turing vaughan villani volta wing wozniak wright wu yalow yonath
`);

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
