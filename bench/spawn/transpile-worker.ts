// A Worker that transpiles and does nothing else: what an upload cannot do without. On /load it starts the isolate of what it
// made too, which the first turn cannot do without.

import { describeComponent } from "../../src/executor/describe-component.ts";
import { LoaderExecutor } from "../../src/executor/loader-executor.ts";
import { transpile } from "../../src/executor/transpile.ts";
import { HANDLERS, Registry } from "../../src/handlers/registry.ts";

const { isPure } = new Registry(HANDLERS);

// oxlint-disable-next-line import/no-default-export -- what a Worker is
export default {
  async fetch(request, { LOADER }): Promise<Response> {
    const component = await request.bytes();
    const description = describeComponent(component);
    const files = request.url.endsWith("/load")
      ? await new LoaderExecutor(LOADER, isPure).transpile(component, description)
      : await transpile(LOADER, component, { description, isPure });
    return new Response(String(files.length));
  },
} satisfies ExportedHandler<{ LOADER: WorkerLoader }>;
