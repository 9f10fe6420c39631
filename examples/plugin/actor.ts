// Tells the weather with two plug-ins: one forecasts, in another Worker, the other puts it into words.

import { days } from "example:weather/forecast";
import { sentence } from "example:words/words";
import { defineActor } from "theater/guest";

/** How often it was asked. */
export const { actor, messageServerClient } = defineActor<number>({
  onRequest(asked, message) {
    const [city = "", count = "1"] = message.text().split(" ");
    const told = days(city, Number(count)).map(
      ({ highest, sky }) => `${sky} and ${highest} degrees`,
    );
    return [asked + 1, sentence(told.join(", then "))];
  },
});
