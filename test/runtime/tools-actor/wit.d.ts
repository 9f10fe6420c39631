// What the guest library does not speak for yet.

declare module "theater:simple/supervisor" {
  export function listChildren(): string[];
}
