/** Words of a Dockerfile line: quotes, backslashes and `$VAR` of the image's environment (Dockerfile reference, "Environment replacement"). */

/** Splits at blanks outside of quotes; quotes and escapes stay in the words. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? "";
    if (quote === "" && /\s/.test(c)) {
      if (word !== "") words.push(word);
      word = "";
      continue;
    }
    word += c;
    if (c === "\\" && quote !== "'" && i + 1 < text.length) word += text[++i] ?? "";
    else if (quote === "" && (c === '"' || c === "'")) quote = c;
    else if (c === quote) quote = "";
  }
  return word === "" ? words : [...words, word];
}

/** Takes quotes and escapes away and puts values in the place of variables. */
export function expandWord(word: string, env: ReadonlyMap<string, string>): string {
  let out = "";
  let quote = "";
  for (let i = 0; i < word.length; i++) {
    const c = word[i] ?? "";
    const next = word[i + 1] ?? "";
    if (c === "'" && quote !== '"') quote = quote === "'" ? "" : "'";
    else if (c === '"' && quote !== "'") quote = quote === '"' ? "" : '"';
    else if (c === "\\" && quote !== "'" && next !== "") {
      // Within double quotes only these are escapes.
      out += quote === "" || /["$\\]/.test(next) ? next : c + next;
      i++;
    } else if (c === "$" && quote !== "'") {
      const { value, length } = expandVariable(word.slice(i), env);
      out += value;
      i += length - 1;
    } else out += c;
  }
  return out;
}

/** Reads `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}` at the start of `text`. */
function expandVariable(text: string, env: ReadonlyMap<string, string>): { value: string; length: number } {
  const braced = /^\$\{([A-Za-z0-9_]+)(?::([-+])([^}]*))?\}/.exec(text);
  if (braced !== null) {
    const [whole, name = "", operator, word = ""] = braced;
    const value = env.get(name) ?? "";
    const other = expandWord(word, env);
    if (operator === "-") return { value: value === "" ? other : value, length: whole.length };
    if (operator === "+") return { value: value === "" ? "" : other, length: whole.length };
    return { value, length: whole.length };
  }
  const plain = /^\$([A-Za-z_][A-Za-z0-9_]*|[0-9])/.exec(text);
  if (plain === null) return { value: "$", length: 1 };
  return { value: env.get(plain[1] ?? "") ?? "", length: plain[0].length };
}
