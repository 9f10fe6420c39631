// The outputs of src/cli/bundle.ts, as the Worker imports them.

declare module "*.txt" {
  const source: string;
  export default source;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "*/build/bundled.js" {
  // oxlint-disable-next-line typescript/consistent-type-imports -- as below
  export const BUNDLED: readonly import("./bundle.ts").BundledModules[];
}

// The modules of a component's own module set, as its isolate imports them.

declare module "component:component.js" {
  // oxlint-disable-next-line typescript/consistent-type-imports
  export function environment(): import("./instances.ts").Environment;
}

declare module "component:cores.js" {
  export const cores: Record<string, WebAssembly.Module>;
}

declare module "component:description.json" {
  // An ambient module may not import by a relative path in any other form.
  // oxlint-disable-next-line typescript/consistent-type-imports
  const description: import("./wit-type.ts").ComponentDescription;
  export default description;
}
