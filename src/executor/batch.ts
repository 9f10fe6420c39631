// A batch in the guests' isolate: turns of one actor that follow each other, in one hop.
//
// Rule: a turn sees nothing of the one before it but the state that it left. The first that fails or calls the host is
// the last: what comes behind it may depend on what the host makes of it.

import type { Value } from "../chain/value.ts";
import type { BatchHost, TurnHost, TurnInput, TurnOutput } from "./executor.ts";
import { roughBytes } from "./recorder.ts";

/** Bytes of the outputs of one batch, but for one turn more. RPC carries 32 MiB. */
const OUTPUTS_BYTES_MAX = 4 * 1024 * 1024;

/** See `Executor.runBatch`. `run` is one turn in an instance of its own. */
export async function runInOrder(
  turns: readonly TurnInput[],
  host: BatchHost,
  run: (input: TurnInput, host: TurnHost) => Promise<TurnOutput>,
): Promise<TurnOutput[]> {
  let ended: TurnOutput[] = [];
  let state: Value = turns[0]?.params[0] ?? null;
  let bytes = 0;
  for (const [index, input] of turns.entries()) {
    let hasCalled = false;
    const door: TurnHost = {
      call: (...call) => {
        hasCalled = true;
        const before = ended;
        ended = [];
        return host.call(index, before, ...call);
      },
    };
    const output = await run({ ...input, params: [state, ...input.params.slice(1)] }, door);
    ended.push(output);
    const { outcome } = output;
    if (hasCalled || outcome.kind === "failed") break;
    if (outcome.kind === "returned") state = stateIn(outcome.value);
    bytes += bytesOf(output);
    if (bytes > OUTPUTS_BYTES_MAX) break;
  }
  return ended;
}

/** Every exported function returns the state first. */
const stateIn = (value: Value): Value => (value as readonly Value[] | null)?.[0] ?? null;

function bytesOf({ outcome, answered }: TurnOutput): number {
  const ended = outcome.kind === "returned" ? outcome.value : 0;
  return answered.reduce(
    (sum, { args, result }) => sum + roughBytes(args) + roughBytes(result),
    roughBytes(ended),
  );
}
