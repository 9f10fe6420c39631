// The interfaces of wit/ as the component sees them.

declare module "test:mischief/trick" {
  interface Point {
    readonly xPos: number;
    readonly label: string;
    readonly tint: "red" | "dark-green" | null;
    readonly raw: Uint8Array;
  }
  export function ask(how: string, body: Uint8Array): Point;
  export function count(wide: number): number;
}

declare module "test:words/words" {
  export function reverse(text: string): string;
  export function odd(how: string): number;
}
