// What an object keeps of a birth that was called off before it happened: the order to stop may overtake the
// one to be born, and the latter, coming late, would bear an actor of which no supervisor knows.
//
// Invariant: an object to which nobody proved that it was meant to be born stores nothing.

import { actorId } from "../../chain/actor-id.ts";
import { TheaterError } from "../../lib/errors.ts";
import type { Obeyed, Order } from "../children/orders.ts";
import { readGenesis } from "./genesis.ts";

const TABLE = `
  -- Written by callOff, before there is an actor. No birth as this incarnation or an earlier one may happen.
  CREATE TABLE IF NOT EXISTS stillborn (one INTEGER PRIMARY KEY CHECK (one = 1), incarnation INTEGER NOT NULL) STRICT;
`;

/**
 * An order to an object in which nobody was born. One to stop calls the birth off, if it comes with the genesis
 * that this object is named after. Throws `not-found` for every other.
 */
export function callOff(storage: DurableObjectStorage, id: string, order: Order): Obeyed {
  const { genesis, what, incarnation, parent } = order;
  const isMeant =
    genesis !== null && actorId(genesis) === id && readGenesis(genesis).parent?.actor === parent;
  if (what === "start" || !isMeant) {
    throw new TheaterError("not-found", "There is no actor with this id.");
  }
  storage.transactionSync(() => {
    storage.sql.exec(TABLE);
    storage.sql.exec(
      `INSERT INTO stillborn VALUES (1, ?) ON CONFLICT DO UPDATE SET incarnation = max(incarnation, excluded.incarnation)`,
      incarnation,
    );
  });
  return { saw: "unborn" };
}

/** In the transaction of a birth. Throws `wrong-state` where it was called off. */
export function checkNotCalledOff(sql: SqlStorage, incarnation: number): void {
  const tables = "SELECT 1 FROM sqlite_master WHERE name = 'stillborn'";
  if (sql.exec(tables).toArray().length === 0) return;
  const { upTo } = sql.exec<{ upTo: number }>("SELECT incarnation AS upTo FROM stillborn").one();
  if (incarnation > upTo) return;
  const message = "Its supervisor has stopped this actor before it was born: start another one.";
  throw new TheaterError("wrong-state", message, { incarnation });
}
