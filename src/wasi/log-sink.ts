// What a guest prints, as entries of its log: one for each line, from standard output and standard error alike.

import { concat } from "../lib/bytes.ts";
import { type Sink, WRITE_BYTES_MAX } from "./io.ts";
import type { World } from "./world.ts";

const LOG = "theater:simple/runtime#log";
const LINE_FEED = 0x0a;
/** Of one entry: a longer line is several. */
const LINE_BYTES_MAX = 8 * 1024;

export interface LogSink extends Sink {
  /** What has no line break behind it. */
  rest(): void;
}

export function logSink(world: World): LogSink {
  let held: Uint8Array = new Uint8Array(0);
  const print = (line: Uint8Array): void => {
    // A program may print any bytes; an entry is a text.
    world.here(LOG, [new TextDecoder().decode(line)]);
  };
  const rest = (): void => {
    const line = held;
    held = new Uint8Array(0);
    if (line.length > 0) print(line);
  };
  return {
    rest,
    room: () => WRITE_BYTES_MAX,
    take(bytes) {
      let left = held.length === 0 ? bytes : concat([held, bytes]);
      for (;;) {
        const end = left.indexOf(LINE_FEED);
        const isLong = (end < 0 ? left.length : end) > LINE_BYTES_MAX;
        if (end < 0 && !isLong) break;
        print(left.subarray(0, isLong ? LINE_BYTES_MAX : end));
        left = left.subarray(isLong ? LINE_BYTES_MAX : end + 1);
      }
      held = left.slice();
    },
    flush: () => Promise.resolve(undefined),
  };
}
