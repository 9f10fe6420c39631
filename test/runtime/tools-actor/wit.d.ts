// What the guest library does not speak for.

declare module "theater:simple/supervisor" {
  export function listChildren(): string[];
}
