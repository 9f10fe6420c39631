// The numbers of WIT as recorded values: integers as they are, floats as their IEEE bytes, because the
// chain has no floats.

import type { Value } from "../chain/value.ts";
import { Misfit } from "./wit-codec.ts";

type Integer = "u8" | "s8" | "u16" | "s16" | "u32" | "s32" | "u64" | "s64";

interface Range {
  readonly type: Integer;
  readonly min: number;
  readonly max: number;
}

function range(type: Integer, bits: number): Range {
  return type.startsWith("u")
    ? { type, min: 0, max: 2 ** bits - 1 }
    : { type, min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 };
}

/** The types that fit in a JavaScript number. */
export const SMALL_INTEGERS: readonly Range[] = [
  range("u8", 8),
  range("s8", 8),
  range("u16", 16),
  range("s16", 16),
  range("u32", 32),
  range("s32", 32),
];

export function smallInteger(outside: unknown, { type, min, max }: Range): number {
  if (
    typeof outside === "number" &&
    outside >= min &&
    outside <= max &&
    Number.isInteger(outside)
  ) {
    return outside + 0; // −0 becomes 0
  }
  throw new Misfit(`a ${type}`);
}

export type BigInteger = "u64" | "s64";

/** Recorded integers are numbers while they are safe, bigints beyond. */
export function bigToValue(big: bigint, type: BigInteger): Value {
  const wrapped = type === "u64" ? BigInt.asUintN(64, big) : BigInt.asIntN(64, big);
  if (wrapped !== big) throw new Misfit(`a ${type}`);
  const small = Number(big);
  return Number.isSafeInteger(small) ? small : big;
}

export function bigFromValue(value: Value, type: BigInteger): bigint {
  const isInteger = typeof value === "bigint" || Number.isSafeInteger(value);
  if (!isInteger) throw new Misfit(`a ${type}`);
  const big = BigInt(value as bigint | number);
  bigToValue(big, type);
  return big;
}

export type Float = "f32" | "f64";

/** All NaNs are recorded as this one, as the component model allows a host to do. */
const NAN_BYTES = { f32: [0x7f, 0xc0, 0, 0], f64: [0x7f, 0xf8, 0, 0, 0, 0, 0, 0] } as const;

/** Big-endian; an f32 is rounded to the nearest. */
export function floatToValue(float: unknown, type: Float): Uint8Array {
  if (typeof float !== "number") throw new Misfit(`a ${type}`);
  if (Number.isNaN(float)) return Uint8Array.from(NAN_BYTES[type]);
  const bytes = new Uint8Array(type === "f32" ? 4 : 8);
  const view = new DataView(bytes.buffer);
  if (type === "f32") view.setFloat32(0, float);
  else view.setFloat64(0, float);
  return bytes;
}

export function floatFromValue(value: Value, type: Float): number {
  const nan: readonly number[] = NAN_BYTES[type];
  if (!(value instanceof Uint8Array) || value.length !== nan.length) {
    throw new Misfit(`an ${type} of ${nan.length} bytes`);
  }
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const float = type === "f32" ? view.getFloat32(0) : view.getFloat64(0);
  if (Number.isNaN(float) && !nan.every((byte, i) => value[i] === byte)) {
    throw new Misfit(`the one NaN that is recorded for an ${type}`);
  }
  return float;
}
