// (c) A durable counter on Cloudflare's `agents`: its state is what setState keeps.

import { Agent, getAgentByName } from "agents";

interface Env {
  Counter: DurableObjectNamespace<Counter>;
}

export class Counter extends Agent<Env, { count: number }> {
  override initialState = { count: 0 };

  add(_body: ArrayBuffer): number {
    const count = this.state.count + 1;
    this.setState({ count });
    return count;
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const agent = await getAgentByName(env.Counter, new URL(request.url).pathname.slice(1));
    return new Response(String(await agent.add(await request.arrayBuffer())));
  },
};
