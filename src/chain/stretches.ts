// The stretches of a segment's object: which event begins at which byte, about once for each 64 kB, so that
// a reader of a few events reads little else. Rule: they are a hint. Whoever does not find there the event
// that they promise reads the object from its start.

/** Bytes from one position to the next, and one event more. */
const STRETCH_BYTES = 64 * 1024;

export interface Stretch {
  /** The first event, and the byte at which it begins. */
  readonly seq: number;
  readonly at: number;
  /** Where the last wanted event ends at the latest; undefined for the object's end. */
  readonly end: number | undefined;
}

/** Takes the events of an object in order; `text` is how D1 and the actor's object keep the positions. */
export class StretchWriter {
  readonly #positions: [seq: number, at: number][] = [];
  #at: number;

  /** `at`: where the first event begins. */
  constructor(at: number) {
    this.#at = at;
  }

  /** `bytes`: of the event with its payload, as they stand in the object. */
  add(seq: number, bytes: number): void {
    const before = this.#positions.at(-1)?.[1] ?? Number.NEGATIVE_INFINITY;
    if (this.#at - before >= STRETCH_BYTES) this.#positions.push([seq, this.#at]);
    this.#at += bytes;
  }

  get text(): string {
    return JSON.stringify(this.#positions);
  }
}

/** Where to read for the events `from`…`to`; undefined where the text does not say. */
export function stretchOf(
  text: string,
  { from, to }: { from: number; to: number },
): Stretch | undefined {
  const positions = positionsIn(text);
  const begin = positions.findLast(([seq]) => seq <= from);
  if (begin === undefined) return undefined;
  return { seq: begin[0], at: begin[1], end: positions.find(([seq]) => seq > to)?.[1] };
}

/** Whatever is no position is left out: what is read there is checked anyway. */
function positionsIn(text: string): [seq: number, at: number][] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown) => {
    const [seq, at]: unknown[] = Array.isArray(each) ? each : [];
    return isCount(seq) && isCount(at) ? [[seq, at]] : [];
  });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
