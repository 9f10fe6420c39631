// The interface of wit/ as the component sees it.

declare module "test:words/words" {
  export function reverse(text: string): string;
  export function odd(how: string): number;
}
