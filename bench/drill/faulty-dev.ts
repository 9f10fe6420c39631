// The server that the drill strikes: `theater dev`, with the drill's faults around its Worker.

import { parseArgs } from "node:util";
import { startDevServer } from "../../src/cli/dev.ts";

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: "0" },
    data: { type: "string", default: "" },
    token: { type: "string", default: "" },
    json: { type: "boolean" },
  },
});
const { url } = await startDevServer({
  port: Number(values.port),
  data: values.data,
  token: values.token,
  worker: "bench/drill/faulty-worker.ts",
  note: (line) => void process.stderr.write(`${line}\n`),
});
console.log(JSON.stringify({ url }));
