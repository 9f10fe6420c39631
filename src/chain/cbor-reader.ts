// The lowest level of reading a block: heads, lengths and byte ranges, each in its shortest form only.

import { TheaterError } from "../lib/errors.ts";

/** How far a block has been read, and how long bytes and texts in it may be. */
export interface Reader {
  readonly bytes: Uint8Array;
  readonly inlineBytesMax: number;
  at: number;
}

/** The argument of a head in its shortest form, a bigint where it is not a safe integer. */
export function readArgument(reader: Reader, first: number): number | bigint {
  const info = first & 31;
  if (info < 24) return info;
  if (info > 27) throw refusal(reader, "lengths must be definite");
  let argument = readUint(reader, 2 ** Math.min(info - 24, 2));
  if (info === 27) {
    const low = readUint(reader, 4);
    const long = argument >= 0x20_0000;
    if (long) return (BigInt(argument) << 32n) | BigInt(low);
    argument = argument === 0 ? 0 : argument * 2 ** 32 + low;
  }
  const least = info === 24 ? 24 : info === 25 ? 0x100 : info === 26 ? 0x1_0000 : 2 ** 32;
  if (argument < least) throw refusal(reader, "an integer or length is not in its shortest form");
  return argument;
}

export function readBytes(reader: Reader, first: number): Uint8Array {
  const length = readArgument(reader, first);
  if (length > reader.bytes.length - reader.at) throw refusal(reader, "the block ends too early");
  if (length > reader.inlineBytesMax) throw refusal(reader, "long content must be a link");
  const start = reader.at;
  reader.at += Number(length);
  return reader.bytes.subarray(start, reader.at);
}

function readUint(reader: Reader, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 0x100 + readByte(reader);
  return value;
}

export function readByte(reader: Reader): number {
  const byte = reader.bytes[reader.at];
  if (byte === undefined) throw refusal(reader, "the block ends too early");
  reader.at++;
  return byte;
}

export function refusal(reader: Reader, problem: string): TheaterError {
  const message = `Send a canonical block as docs/chain-format.md defines it: ${problem}, at byte ${reader.at}.`;
  return new TheaterError("bad-block", message, { problem, at: reader.at });
}
