// A table of statements about OTP's supervisors: each row builds one, lets something happen to it, and says what it
// does: `stop` and `start` of children in order, and `end`.

import { child } from "./stage.ts";

export const ABC = [child("a"), child("b"), child("c")];

export class Rows {
  readonly all: [statement: string, does: () => unknown, expected: unknown][] = [];

  readonly row = (statement: string, does: () => unknown, expected: unknown): void => {
    this.all.push([statement, does, expected]);
  };
}
