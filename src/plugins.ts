// The plug-ins of this deployment: handlers of your own, beside those that Theater brings. Import each from
// where it lies and name it here; docs/plugins.md shows how to write one.

import type { Handler } from "./handlers/handler.ts";

export const PLUGINS: readonly Handler[] = [];
