// The chess actor, built and run for real: a recorded game, illegal moves, the end of a game.

import { readFile, rm } from "node:fs/promises";
import { Chess } from "chess.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BuiltActor, buildActor } from "../../src/cli/build-actor.ts";
import { fromUtf8, toUtf8 } from "../../src/lib/bytes.ts";
import { copyExample } from "./copy-example.ts";
import { errorOf, type Imports, type Instance, prepareComponent } from "../guest/instantiate.ts";

const score = new Chess();
let dir: string;
let built: BuiltActor;
let instantiate: (imports: Imports) => Instance;
let lines: string[] = [];

beforeAll(async () => {
  score.loadPgn(await readFile("examples/chess/kasparov-topalov-1999.pgn", "utf8"));
  dir = await copyExample("chess");
  built = await buildActor(dir);
  instantiate = await prepareComponent(built.component);
}, 60_000);

afterAll(() => rm(dir, { recursive: true }));

/** Every call gets an instance of its own, as with `instance = "fresh"`. */
function actor(): Instance {
  return instantiate({ "theater:simple/runtime": { log: (line: string) => lines.push(line) } });
}

function request(state: Uint8Array | undefined, message: string): [Uint8Array | undefined, string] {
  const [next, [reply]] = actor().messageServerClient.handleRequest(state, [
    "request-1",
    fromUtf8(message),
  ]);
  return [next, toUtf8(reply ?? new Uint8Array())];
}

function play(moves: readonly string[]): Uint8Array | undefined {
  return moves.reduce(
    (state, move) => request(state, move)[0],
    actor().actor.init(undefined, ["actor-1"])[0],
  );
}

test("the component imports the runtime and nothing else that has functions", () => {
  expect(built.imports.toSorted()).toEqual(["theater:simple/runtime", "theater:simple/types"]);
});

test("the recorded game has 87 half-moves, and chess.js finds every one legal", () => {
  expect(score.history()).toHaveLength(87);
  expect(score.history().at(-1)).toBe("Qa7");
  expect(score.getHeaders()).toMatchObject({ White: "Kasparov, Garry", Result: "1-0", Round: "4" });
});

test("the actor plays the whole game to the same position, in fresh instances and from bytes", () => {
  lines = [];
  let [state] = actor().actor.init(undefined, ["actor-1"]);
  let reply = "";
  const check = new Chess();
  for (const move of score.history()) {
    check.move(move);
    [state, reply] = request(state?.slice(), move);
    expect(reply).toBe(check.fen());
  }
  expect(reply).toBe(score.fen());
  expect(JSON.parse(toUtf8(state ?? new Uint8Array()))).toMatchObject({
    fen: score.fen(),
    moves: score.history(),
  });
  expect(lines).toHaveLength(87);
  expect(lines.at(0)).toBe("1. White e4");
  expect(lines.at(-1)).toBe("87. White Qa7");
});

test("an empty request answers the position and leaves the state as it is", () => {
  const state = play(["e4", "e5"]);
  const [next, fen] = request(state, "");
  expect(fen).toBe("rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2");
  expect(next).toEqual(state);
});

test("an illegal move is an error that names the legal ones", () => {
  const state = play(["e4"]);
  expect(errorOf(() => request(state, "Ke5"))).toMatch(/^Ke5 is not a move that Black has: .* Nf6/);
  expect(errorOf(() => actor().messageServerClient.handleSend(state, [fromUtf8("O-O")]))).toMatch(
    /^O-O is not a move that Black has/,
  );
  expect(request(state, "Nf6")[1]).toContain(" w KQkq ");
});

test("a message that is not UTF-8 is an error", () => {
  const bytes = Uint8Array.of(0x65, 0xff);
  expect(
    errorOf(() => actor().messageServerClient.handleRequest(play([]), ["request-1", bytes])),
  ).toBe("the bytes are not valid UTF-8");
});

test("no move follows a mate", () => {
  const state = play(["f3", "e5", "g4", "Qh4#"]);
  expect(lines.at(-1)).toBe("4. Black Qh4#: Black has won by checkmate");
  expect(errorOf(() => request(state, "a3"))).toBe("a3 comes too late: Black has won by checkmate");
});

test("the third repetition ends the game, though no single position shows it", () => {
  const state = play(["Nf3", "Nf6", "Ng1", "Ng8", "Nf3", "Nf6", "Ng1", "Ng8"]);
  expect(errorOf(() => request(state, "e4"))).toBe(
    "e4 comes too late: the game is drawn by repetition",
  );
});
