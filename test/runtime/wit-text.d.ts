declare module "*.wit" {
  const text: string;
  // oxlint-disable-next-line import/no-default-export -- what a bundler makes of a text
  export default text;
}
