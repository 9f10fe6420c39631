// The interfaces of wit/ as the actor sees them: names in camel case, an err as a thrown Error.

declare module "example:weather/forecast" {
  interface Day {
    readonly highest: number;
    readonly sky: "clear" | "cloudy" | "rain";
  }
  export function days(city: string, count: number): Day[];
}

declare module "example:words/words" {
  export function sentence(text: string): string;
}

// For the plug-ins: the text itself.
declare module "*.wit" {
  const text: string;
  // oxlint-disable-next-line import/no-default-export -- what a bundler makes of a text
  export default text;
}
