// One game of chess. A message is a move; a move that the rules refuse is an error, and an error leaves the
// state as it was.

import { Chess } from "chess.js";
import { defineActor } from "theater/guest";
import { log } from "theater/guest/runtime";

interface Game {
  /** The position, in Forsyth-Edwards Notation. */
  readonly fen: string;
  /** The moves so far, in algebraic notation. */
  readonly moves: readonly string[];
  /** How often each position came up since the last capture or pawn move: a FEN does not tell. */
  readonly seen: Readonly<Record<string, number>>;
  /** How the game ended; null while it goes on. */
  readonly end: string | null;
}

export const { actor, messageServerClient } = defineActor<Game>({
  init: (game) => game ?? after(new Chess(), [], {}),

  onSend: (game, message) => play(game, message.text().trim()),

  onRequest(game, message) {
    const san = message.text().trim();
    const next = san === "" ? game : play(game, san);
    return [next, next.fen];
  },
});

function play(game: Game, san: string): Game {
  if (game.end !== null) throw new Error(`${san} comes too late: ${game.end}`);
  const board = new Chess(game.fen);
  const side = board.turn() === "w" ? "White" : "Black";
  const move = tryMove(board, san);
  if (move === undefined) {
    throw new Error(
      `${san} is not a move that ${side} has: play one of ${board.moves().join(" ")}`,
    );
  }
  const next = after(board, [...game.moves, move], game.seen);
  log(`${next.moves.length}. ${side} ${move}${next.end === null ? "" : `: ${next.end}`}`);
  return next;
}

/** The move in the notation of the rules; undefined if there is no such move. */
function tryMove(board: Chess, san: string): string | undefined {
  try {
    return board.move(san).san;
  } catch {
    return undefined;
  }
}

function after(board: Chess, moves: Game["moves"], before: Game["seen"]): Game {
  const fen = board.fen();
  const fields = fen.split(" ");
  const position = fields.slice(0, 4).join(" "); // what repetition compares: no counters
  const seen = fields[4] === "0" ? {} : before; // no earlier position can come back
  const times = (seen[position] ?? 0) + 1;
  return { fen, moves, seen: { ...seen, [position]: times }, end: outcome(board, times) };
}

function outcome(board: Chess, times: number): string | null {
  const winner = board.turn() === "w" ? "Black" : "White";
  if (board.isCheckmate()) return `${winner} has won by checkmate`;
  if (board.isStalemate()) return "the game is drawn by stalemate";
  if (board.isInsufficientMaterial()) return "the game is drawn: nobody can mate";
  if (board.isDrawByFiftyMoves()) return "the game is drawn by the fifty-move rule";
  return times >= 3 ? "the game is drawn by repetition" : null;
}
