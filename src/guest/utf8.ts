// UTF-8 by the rules of the WHATWG encoding standard, for QuickJS, which has no TextEncoder. Text that is
// all ASCII takes a path of its own: most states and messages are.

const STEP = 0x2000; // String.fromCharCode takes its arguments on the stack: keep them few.
const REPLACEMENT = 0xfffd;

/** A lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  if (!/[^\0-\x7f]/.test(text)) {
    const ascii = new Uint8Array(text.length);
    for (let i = 0; i < ascii.length; i++) ascii[i] = text.charCodeAt(i);
    return ascii;
  }
  const bytes = new Uint8Array(text.length * 3); // three bytes a UTF-16 unit is the worst case
  let at = 0;
  for (const character of text.toWellFormed()) {
    const point = character.codePointAt(0) ?? REPLACEMENT;
    if (point < 0x80) bytes[at++] = point;
    else {
      if (point < 0x800) bytes[at++] = 0xc0 | (point >> 6);
      else {
        if (point < 0x10000) bytes[at++] = 0xe0 | (point >> 12);
        else {
          bytes[at++] = 0xf0 | (point >> 18);
          bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
        }
        bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      }
      bytes[at++] = 0x80 | (point & 0x3f);
    }
  }
  return bytes.slice(0, at);
}

/** Throws a TypeError on bytes that are not UTF-8 if `fatal`; otherwise they become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, fatal: boolean): string {
  const latin = fromUnits(bytes);
  return /[^\0-\x7f]/.test(latin) ? fromUnits(toUnits(bytes, fatal)) : latin;
}

function fromUnits(units: Uint8Array | Uint16Array): string {
  let text = "";
  for (let i = 0; i < units.length; i += STEP) {
    text += String.fromCharCode(...units.subarray(i, i + STEP));
  }
  return text;
}

function toUnits(bytes: Uint8Array, fatal: boolean): Uint16Array {
  const units = new Uint16Array(bytes.length); // never more units than bytes
  let count = 0;
  for (let at = 0; at < bytes.length;) {
    const { point, length } = nextPoint(bytes, at);
    at += length;
    if (point === undefined && fatal) throw new TypeError("the bytes are not valid UTF-8");
    const value = point ?? REPLACEMENT;
    if (value < 0x10000) units[count++] = value;
    else {
      units[count++] = 0xd800 | ((value - 0x10000) >> 10);
      units[count++] = 0xdc00 | ((value - 0x10000) & 0x3ff);
    }
  }
  return units.subarray(0, count);
}

/** No point: `length` bytes that begin a sequence and do not end it, which count as one mistake. */
function nextPoint(bytes: Uint8Array, at: number): { point: number | undefined; length: number } {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return { point: lead, length: 1 };
  const more = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
  if (more === 0) return { point: undefined, length: 1 };
  let point = lead & (0x3f >> more);
  for (let i = 1; i <= more; i++) {
    const next = bytes[at + i] ?? 0;
    // The second byte rules out overlong forms, surrogates and points above U+10FFFF.
    const low = i > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = i > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (next < low || next > high) return { point: undefined, length: i };
    point = (point << 6) | (next & 0x3f);
  }
  return { point, length: more + 1 };
}
