// The HTTP side of the tools actor, past the guest library: the parameters as they come. The path says what to
// answer, and a header what a middleware does.

type Bytes = Uint8Array | null;

interface Request {
  method: string;
  uri: string;
  headers: [string, string][];
  body: Bytes;
}

interface Response {
  status: number;
  headers: [string, string][];
  body: Bytes;
}

const text = (bytes: Bytes): string => (bytes === null ? "" : String.fromCharCode(...bytes));
const bytesOf = (content: string): Uint8Array =>
  Uint8Array.from(content, (character) => character.charCodeAt(0));

interface State {
  told: unknown[];
}

const stateOf = (state: Bytes): State => JSON.parse(text(state) || '{"told":[]}') as State;
const told = ({ told: before }: State, ...what: unknown[]): Uint8Array =>
  bytesOf(JSON.stringify({ told: [...before, what] }));

const json = (value: unknown, status = 200): Response => ({
  status,
  headers: [["content-type", "application/json"]],
  body: bytesOf(JSON.stringify(value)),
});

type Answer = (request: Request, parameter: string, handler: number) => Response;

const answers: Record<string, Answer> = {
  refuse: () => {
    throw new Error("as you wish");
  },
  trap: () => 7 as never,
  status: ({ body }, status) => ({ status: Number(status), headers: [["x-a", "b"]], body }),
  bytes: (_, length) => ({
    status: 200,
    headers: [],
    body: new Uint8Array(Number(length)).fill(122),
  }),
  "bad-header": () => ({ status: 200, headers: [["x", "a\r\nb: c"]], body: null }),
  chunked: () => ({
    status: 200,
    headers: [["transfer-encoding", "chunked"]],
    body: bytesOf("chunks"),
  }),
  cookies: () => ({
    status: 200,
    headers: [
      ["set-cookie", "a=1; Domain=example.com; Path=/"],
      ["set-cookie", "b=2"],
      ["strict-transport-security", "max-age=1"],
      ["theater-event", "0:forged"],
      ["location", "/elsewhere"],
    ],
    body: null,
  }),
  range: ({ headers }) => {
    const range = headers.find(([name]) => name === "range")?.[1] ?? "";
    const [, from = "0", to = "9"] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    const part = "0123456789".slice(Number(from), Number(to) + 1);
    const content: [string, string] = ["content-range", `bytes ${from}-${to}/10`];
    return { status: 206, headers: [content, ["accept-ranges", "bytes"]], body: bytesOf(part) };
  },
};

const echo: Answer = ({ method, uri, headers, body }, _, handler) =>
  json({
    handler,
    method,
    uri,
    headers,
    body: body === null ? null : text(body.slice(0, 100)),
    length: body?.length ?? null,
  });

/** `run` runs the steps of a request below /run. */
export function webHandlers(run: (program: readonly never[]) => unknown[]): object {
  return {
    handleRequest(state: Bytes, [id, request]: [number | bigint, Request]): [Bytes, [Response]] {
      const [, name = "", parameter = ""] = /^\/([^/?]*)\/?([^?]*)/.exec(request.uri) ?? [];
      const next =
        request.method === "GET" && name !== "change"
          ? state
          : told(stateOf(state), "http", request.uri);
      if (name === "run") {
        return [next, [json(run(JSON.parse(text(request.body)) as readonly never[]))]];
      }
      if (name === "told") return [state, [json(stateOf(state).told)]];
      return [next, [(answers[name] ?? echo)(request, parameter, Number(id))]];
    },
    handleMiddleware(
      state: Bytes,
      [id, request]: [number | bigint, Request],
    ): [Bytes, [{ proceed: boolean; request: Request }]] {
      const what = request.headers.find(([name]) => name === "x-middleware")?.[1] ?? "";
      const next = told(stateOf(state), "middleware", Number(id));
      if (what === "refuse") throw new Error("the middleware refuses");
      if (what === "long") {
        return [next, [{ proceed: true, request: { ...request, uri: `/${"x".repeat(70_000)}` } }]];
      }
      if (what === "stop") return [next, [{ proceed: false, request }]];
      const answer = {
        method: "401",
        uri: "",
        headers: [["x-why", "asked"]] as [string, string][],
        body: bytesOf("no"),
      };
      if (what === "answer") return [next, [{ proceed: false, request: answer }]];
      const headers: [string, string][] = [...request.headers, ["x-seen-by", String(id)]];
      return [next, [{ proceed: true, request: { ...request, headers } }]];
    },
    handleWebsocketConnect(
      state: Bytes,
      [handler, id, path, query]: [number | bigint, number | bigint, string, string | null],
    ): [Bytes] {
      if (path === "/refused") throw new Error("not you");
      const said = decodeURIComponent(query ?? "").replaceAll("$id", String(id));
      if (said.startsWith("[")) run(JSON.parse(said) as readonly never[]);
      return [told(stateOf(state), "open", Number(handler), Number(id), path)];
    },
    handleWebsocketMessage(
      state: Bytes,
      [handler, id, { ty, data, text: said }]: [number | bigint, number | bigint, SocketMessage],
    ): [Bytes, [SocketMessage[]]] {
      if (said === "refuse") throw new Error("as you wish");
      if (said === "trap") return [state, 7 as never];
      if (said === "told") return [state, [[socketText(JSON.stringify(stateOf(state).told))]]];
      if (said === "ping back") return [state, [[{ ty: { tag: "ping" }, data: null, text: null }]]];
      if (said === "close") {
        return [state, [[socketText("bye"), { ty: { tag: "close" }, data: null, text: null }]]];
      }
      if (said?.startsWith("[") === true) {
        const program = JSON.parse(said.replaceAll("$id", String(id))) as readonly never[];
        const gave = run(program);
        if (said.endsWith('["trap-now"]]')) return [state, 7 as never];
        return [state, [[socketText(JSON.stringify(gave))]]];
      }
      const brief = said?.slice(0, 100) ?? null;
      const next = told(stateOf(state), "said", Number(handler), Number(id), ty.tag, brief);
      return [next, [[{ ty, data, text: said }]]];
    },
    handleWebsocketDisconnect(
      state: Bytes,
      [handler, id]: [number | bigint, number | bigint],
    ): [Bytes] {
      return [told(stateOf(state), "close", Number(handler), Number(id))];
    },
  };
}

interface SocketMessage {
  ty: { tag: string };
  data: Bytes;
  text: string | null;
}

const socketText = (said: string): SocketMessage => ({
  ty: { tag: "text" },
  data: null,
  text: said,
});
