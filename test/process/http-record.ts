// What the chains have of the turns that answered over HTTP.

import { ask, plain, type Answer } from "./http-site.ts";

export interface Told {
  type: string;
  about: string;
  fields: Record<string, unknown>;
}

/** The events of the turn that an answer names. */
export async function turnOf(id: string, { headers }: Answer): Promise<Told[]> {
  const [end] = String(headers["theater-event"]).split(":");
  const path = `/v1/actors/${id}/chain?from=${Number(end) - 40}&to=${end}`;
  const { events } = (await ask(path, {})) as unknown as { events: { event: Told }[] };
  const all = events.map(({ event }) => event);
  return all.slice(all.findLastIndex(({ type }) => type === "message.received"));
}

export const calls = (events: readonly Told[]): string[] =>
  events.filter(({ type }) => type.startsWith("host.")).map(({ about }) => about);

const WRITE = "theater:edge/http-stream#write";

/** What the chain has of the writes of a stream that began with the event of `response`. */
export async function writesOf(response: Response): Promise<(Told & { time: number })[]> {
  const from = String(response.headers.get("theater-event")).split(":")[0];
  const page = await ask(`/v1/actors/${plain}/chain?from=${from}&limit=1000`, {});
  const { events } = page as unknown as { events: { event: Told & { time: number } }[] };
  return events.map(({ event }) => event).filter(({ about }) => about === WRITE);
}
