// For values that a test knows to be there.

export function present<X>(value: X | null | undefined): X {
  if (value === null || value === undefined) throw new Error("a value of the test is missing");
  return value;
}
