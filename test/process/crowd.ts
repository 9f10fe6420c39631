// Many visitors with a WebSocket each, in one process: what each of them heard, in its order.

const OPENING_MAX = 100;
const TIMEOUT_MS = 60_000;

export class Crowd {
  readonly sockets: WebSocket[] = [];
  /** By visitor: what came, in order. */
  readonly heard: string[][] = [];
  /** Codes of those that were closed. */
  readonly closed: number[] = [];

  /** Opens them, not all at the same moment. */
  static async open(url: string, count: number): Promise<Crowd> {
    const crowd = new Crowd();
    for (let from = 0; from < count; from += OPENING_MAX) {
      const step = Array.from({ length: Math.min(OPENING_MAX, count - from) }, () =>
        crowd.join(url),
      );
      await Promise.all(step);
    }
    return crowd;
  }

  /** One more. Rejects where it is refused. */
  async join(url: string): Promise<void> {
    const socket = new WebSocket(url.replace("http", "ws"));
    const heard: string[] = [];
    socket.addEventListener("message", ({ data }) => heard.push(String(data)));
    socket.addEventListener("close", ({ code }) => this.closed.push(code));
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error("it was not opened")));
    });
    this.sockets.push(socket);
    this.heard.push(heard);
  }

  /** Waits until each, or the first `visitors` of them, has heard so many. */
  async hears(count: number, visitors = Infinity): Promise<void> {
    const untilMs = Date.now() + TIMEOUT_MS;
    const missing = () => this.heard.slice(0, visitors).filter(({ length }) => length < count);
    while (missing().length > 0) {
      if (Date.now() > untilMs) {
        const short = missing().length;
        throw new Error(
          `${short} visitors heard less than ${count}; closed: ${this.closed.length}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Does what everybody is to hear; gives the milliseconds until the last one has heard it. */
  async spread(say: () => unknown): Promise<number> {
    const before = Math.min(...this.heard.map(({ length }) => length));
    const sentMs = performance.now();
    await say();
    await this.hears(before + 1);
    return performance.now() - sentMs;
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
  }
}
