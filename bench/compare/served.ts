// What a server that is compared says when it is ready, as one line of JSON: `serve.ts` writes it, `subject-process.ts` reads it.

/** Targets that a server has ready: one to be asked by all callers, and KEYS − 1 more. */
export const KEYS = 32;

export interface Served {
  port: number;
  /** One for each of KEYS targets. */
  paths: string[];
  headers: Record<string, string>;
  body: string;
  /** Of what runs, by name. */
  versions: Record<string, string>;
}

/** 100 bytes, as every request of the comparison carries. */
export const BODY = "x".repeat(100);
