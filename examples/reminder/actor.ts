import { defineActor } from "theater/guest";
import { log } from "theater/guest/runtime";
import { cancel, list, schedule } from "theater/guest/timers";

/** What it has reminded of, oldest first. */
type Reminders = string[];

export const { actor, messageServerClient, timersClient } = defineActor<Reminders>({
  init() {
    schedule("summary", { cron: "0 9 * * mon-fri" });
    return [];
  },

  onRequest(reminders, message) {
    return [reminders, answer(message.text())];
  },

  onTimer(reminders, name) {
    if (name !== "summary") return [...reminders, name];
    log(`so far: ${reminders.join(", ")}`);
    return [];
  },
});

function answer(request: string): string {
  const [word = "", ...rest] = request.split(" ");
  const name = rest.join(" ");
  if (word === "list") {
    const lines = list().map((timer) => `${timer.due} ${timer.name}`);
    return lines.join("\n");
  }
  if (word === "cancel") return cancel(name) ? "cancelled" : "there is none";
  return new Date(schedule(name, { after: Number(word) * 1000 })).toISOString();
}
