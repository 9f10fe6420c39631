// What a development server passes on to its actors, and what it keeps to itself.

import { expect, test } from "vitest";
import { actorSettings } from "../../src/cli/dev.ts";

test("only variables that are named for actors reach the Worker", () => {
  const environment = {
    ACTOR_ENV_REGION: "eu",
    ACTOR_HOSTS: "example.com=site",
    ACTOR_SECRET_API_KEY: "sk-live-0123",
    ACTOR_ENV_: "no name",
    THEATER_TOKEN: "token",
    LOG_KEY: "key",
    HOME: "/root",
    MY_ACTOR_ENV_X: "elsewhere",
    ACTOR_HOSTS_X: "elsewhere",
  };
  expect(actorSettings(environment)).toEqual({
    ACTOR_ENV_REGION: "eu",
    ACTOR_HOSTS: "example.com=site",
    ACTOR_SECRET_API_KEY: "sk-live-0123",
  });
});
