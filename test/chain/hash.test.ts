import { expect, test } from "vitest";
import { sha256 } from "../../src/chain/hash.ts";
import { toHex } from "../../src/lib/bytes.ts";

test("short and long content is hashed as Web Crypto does", async () => {
  for (const length of [0, 1, 63, 64, 1023, 1024, 1025, 100_000]) {
    const padded = Uint8Array.from({ length: length + 6 }, (_, at) => (at * 7) & 0xff);
    const bytes = padded.subarray(3, length + 3);
    const digest = sha256(bytes);
    expect(toHex(digest)).toBe(toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))));
    expect(digest.constructor).toBe(Uint8Array);
  }
});
