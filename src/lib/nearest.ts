// "; did you mean …?": the known word that a mistyped one is nearest to.

/** Further away it is another word, not a slip. */
const DISTANCE_MAX = 3;
/** Longer words are nobody's slip, and their distance costs the square of their length. */
const WORD_LENGTH_MAX = 64;

/** A clause to append to an error message, empty where no known word is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  if (word.length > WORD_LENGTH_MAX) return "";
  let best = { word: "", distance: DISTANCE_MAX + 1 };
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < best.distance) best = { word: candidate, distance };
  }
  return best.word === "" ? "" : `; did you mean "${best.word}"?`;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
