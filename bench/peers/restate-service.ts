// (d) A durable counter as a virtual object of Restate, with its TypeScript SDK; prints the port it listens on.

import { createServer } from "node:http2";
import * as restate from "@restatedev/restate-sdk";

const counter = restate.object({
  name: "Counter",
  handlers: {
    async add(context: restate.ObjectContext, _body: string): Promise<number> {
      const count = ((await context.get<number>("count")) ?? 0) + 1;
      context.set("count", count);
      return count;
    },
  },
});

const server = createServer(restate.createEndpointHandler({ services: [counter] }));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(JSON.stringify({ port: typeof address === "object" ? address?.port : 0 }));
});
process.stdin.resume().on("end", () => process.exit(0));
