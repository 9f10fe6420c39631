// The composition root behind `theater bundle`: component bytes in, their module set out, made by the very code that
// serves uploads. It has the Loader, and nothing else.

import { describeComponent } from "./executor/describe-component.ts";
import { LoaderExecutor } from "./executor/loader-executor.ts";
import { makeModuleSet } from "./executor/module-index.ts";
import { TRANSPILER } from "./executor/transpile.ts";
import { sha256 } from "./chain/hash.ts";
import { HANDLERS, Registry } from "./handlers/registry.ts";
import { toBase64, toHex } from "./lib/bytes.ts";
import { ensureTheaterError } from "./lib/errors.ts";
import { PLUGINS } from "./plugins.ts";

const registry = new Registry([...HANDLERS, ...PLUGINS]);

// oxlint-disable-next-line import/no-default-export -- what a Worker is
export default {
  async fetch(request, { LOADER }): Promise<Response> {
    try {
      const component = await request.bytes();
      const executor = new LoaderExecutor(LOADER, registry.isPure);
      const description = describeComponent(component);
      const files = await executor.transpile(component, description);
      const parts = { component: toHex(sha256(component)), transpiler: TRANSPILER, description };
      const { index } = makeModuleSet(parts, files);
      const texts = files.map(({ name, bytes }) => ({ name, base64: toBase64(bytes) }));
      return Response.json({ ok: true, index: toBase64(index), files: texts });
    } catch (thrown) {
      const { code, message } = ensureTheaterError(thrown);
      return Response.json({ ok: false, error: { code, message } });
    }
  },
} satisfies ExportedHandler<{ LOADER: WorkerLoader }>;
