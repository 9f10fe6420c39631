// What operators do to an actor's life beyond what its turns and its supervisor do.

import { expect, test } from "vitest";
import { must, start, theater } from "./stage.ts";

test("a deleted actor is a tombstone: nothing brings it back, and its chain stays", async () => {
  const actor = await start();
  await actor.ask([["turns"]]);
  expect(await actor.change("delete")).toBe("wrong-state"); // stop it first
  await actor.change("stop");
  expect(await actor.change("delete")).toBe("deleted");
  expect(await actor.change("restart")).toBe("wrong-state");
  expect(await actor.change("delete")).toBe("wrong-state");
  expect((await actor.ask([["turns"]])).gave).toBe("wrong-state");
  expect(await actor.tell([["turns"]])).toBe("wrong-state");
  await actor.crash();
  expect((await actor.summary()).status).toBe("deleted");
  const last = (await actor.events()).at(-1);
  expect(last).toMatchObject({ type: "actor.stopped", fields: { reason: "delete", by: "tester" } });
  expect(must(await theater.verify(actor.id)).verdict).toBe("verified");
  const listed = must(
    await theater.list({ status: "deleted", parent: null, cursor: null, limit: 1000 }),
  );
  expect(listed.actors.map(({ id }) => id)).toContain(actor.id);
});

test("a life that ends behind its line in the directory leaves no other line for the newest", async () => {
  const actor = await start();
  const isListed = async (status: string): Promise<boolean> => {
    const query = { status, parent: null, cursor: null, limit: 1000 };
    return must(await theater.list(query)).actors.some(({ id }) => id === actor.id);
  };
  await actor.ask([["turns"]]); // notes that the directory shows it as running
  await actor.change("stop");
  expect(await isListed("stopped")).toBe(true);
  await actor.crash();
  await actor.change("restart");
  expect(await isListed("stopped")).toBe(false);
  expect(await isListed("running")).toBe(true);
});
