/** One request. `{name}` stands for the case's own prefix; `body` is sent as JSON, `text` as it is. */
export interface ApiStep {
  method: string;
  path: string;
  body?: unknown;
  text?: string;
  headers?: Record<string, string>;
}

export interface ApiCase {
  name: string;
  steps: readonly ApiStep[];
}

/** What is compared of an answer: its status, an error's text, and which members of which types a JSON body has. */
export interface ApiOutcome {
  status: number;
  message?: string;
  shape?: string[];
}
