// `node examples/chess/play.ts <id>`: plays the recorded game with a chess actor, each move a request, and stops at the
// first answer that is not the position that the rules give.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Chess } from "chess.js";

const { THEATER_URL: url = "http://127.0.0.1:8787", THEATER_TOKEN: token = "" } = process.env;
const [id = ""] = process.argv.slice(2);
const game = new Chess();
game.loadPgn(await readFile(join(import.meta.dirname, "kasparov-topalov-1999.pgn"), "utf8"));
const moves = game.history();
const board = new Chess();
for (const san of moves) {
  const response = await fetch(`${url}/v1/actors/${id}/request`, {
    method: "POST",
    body: san,
    headers: { authorization: `Bearer ${token}` },
  });
  const answer = await response.text();
  board.move(san);
  if (answer !== board.fen()) throw new Error(`${san}: ${answer}`);
}
process.stdout.write(`${moves.length} moves, the last one ${moves.at(-1)}: ${board.fen()}\n`);
