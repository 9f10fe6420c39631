// What every command gets, from the options that all commands share.

import type { Command } from "commander";
import type { Connection } from "./client.ts";
import { makeOutput, type Output } from "./output.ts";

/** What every command gets: whom to ask, and how to say the answer. */
export interface Context {
  connection: Connection;
  output: Output;
}

export function contextOf(command: Command): Context {
  const { url, token, json } = command.optsWithGlobals<{
    url: string;
    token?: string;
    json?: true;
  }>();
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    command.error(`error: --url or THEATER_URL must be an http address, not '${url}'`);
  }
  const connection = { url, token: token ?? process.env["THEATER_TOKEN"] };
  return { connection, output: makeOutput(json === true) };
}
