// A plug-in in a Worker of its own. Theater calls these two methods over a service binding.

import { WorkerEntrypoint } from "cloudflare:workers";
import wit from "./wit/weather.wit";

interface Call {
  about: string;
  args: readonly unknown[];
  config: { days_max?: number };
  callId: string;
  actor: string;
}

interface Answer {
  outcome: "returned" | "denied";
  result: unknown;
}

const CITIES: Record<string, number> = { bern: 18, oslo: 9, nairobi: 26 };
const SKIES = ["clear", "cloudy", "rain"];

export class Plugin extends WorkerEntrypoint {
  /** What it serves. A forecast changes nothing, so a call that was cut off may be made again. */
  describe(): { wit: string; effects: Record<string, string> } {
    return { wit, effects: { "example:weather/forecast#days": "safe" } };
  }

  /** Each answer is a value of the function's type, in the words of docs/plugins.md. */
  async call({ about, args, config }: Call): Promise<Answer> {
    if (about !== "example:weather/forecast#days") throw new Error(`no function ${about}`);
    const [city, count] = args as [string, number];
    const { days_max: max = 3 } = config;
    if (count > max) return { outcome: "denied", result: { err: `at most ${max} days` } };
    const warmth = CITIES[city.toLowerCase()];
    if (warmth === undefined) return { outcome: "returned", result: { err: `no city ${city}` } };
    const days = Array.from({ length: count }, (_, i) => ({
      highest: warmth + ((i * 3) % 5),
      sky: SKIES[(warmth + i) % 3],
    }));
    return { outcome: "returned", result: { ok: days } };
  }
}

// oxlint-disable-next-line import/no-default-export -- what a Worker is
export default { fetch: (): Response => new Response("a plug-in of Theater", { status: 404 }) };
