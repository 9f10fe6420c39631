// `theater channel`: a channel to an actor from the command line. What comes in on it is printed, and each line of
// standard input is said on it.

import { createInterface } from "node:readline";
import { fromUtf8, toBase64, toUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import type { Context } from "./context.ts";
import { readArgument } from "./messages.ts";

const NORMAL = 1000;
/** The server's words for a channel that the actor does not want. */
const REFUSED = 1008;

/** Behind the end of standard input: the actor may still be answering. */
const QUIET_MS = 1_000;

/** Ends when the actor closes it, or after the end of standard input, when nothing comes any more. */
export async function channel(context: Context, id: string, body: string): Promise<void> {
  const { output } = context;
  const first = await readArgument(body);
  const socket = connect(context, `${actorPath(id)}/channel`);
  let quiet: ReturnType<typeof setTimeout> | undefined;
  let isSaid = false;
  /** Once all is said, and nothing has come for a while. */
  const wait = (): void => {
    clearTimeout(quiet);
    if (isSaid) quiet = setTimeout(() => socket.close(NORMAL), QUIET_MS);
  };
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => socket.send(first));
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string") {
      const { channel: name, event } = JSON.parse(data) as { channel: string; event: string };
      output.note(`${name} is open: recorded as ${event}`);
      const lines = createInterface({ input: process.stdin });
      lines.on("line", (line) => socket.send(fromUtf8(line)));
      lines.on("close", () => {
        isSaid = true;
        wait();
      });
      return;
    }
    wait();
    const text = shown(new Uint8Array(data as ArrayBuffer));
    output.show({ message: text }, () => text);
  });
  socket.addEventListener("error", () => {
    reject(new TheaterError("unavailable", "No channel could be opened: see `theater inspect`."));
  });
  socket.addEventListener("close", ({ code, reason }) => {
    if (code === REFUSED) reject(new TheaterError("forbidden", `The actor refused: ${reason}`));
    else if (code !== NORMAL) reject(new TheaterError("wrong-state", `closed: ${code} ${reason}`));
    else resolve();
  });
  try {
    await over;
  } finally {
    clearTimeout(quiet);
    process.stdin.destroy(); // a terminal would keep the process
  }
}

/** The token travels as a subprotocol, as in browsers. */
function connect({ connection: { url, token } }: Context, path: string): WebSocket {
  const address = new URL(path, url);
  address.protocol = address.protocol.replace("http", "ws");
  const bearer = toBase64(fromUtf8(token ?? ""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
  const socket = new WebSocket(address.href, ["theater", `theater.bearer.${bearer}`]);
  socket.binaryType = "arraybuffer";
  return socket;
}

function shown(bytes: Uint8Array): string {
  try {
    return toUtf8(bytes);
  } catch {
    return `${bytes.length} bytes: ${toBase64(bytes)}`;
  }
}
