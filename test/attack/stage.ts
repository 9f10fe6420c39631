// A server of its own for an attack, and the few requests that every attack needs.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDevServer, type DevServer } from "../../src/cli/dev.ts";

export interface Problem {
  code: string;
  status: number;
  detail: string;
  event?: { seq: number; cid: string };
}

export interface Row {
  seq: number;
  event: { type: string; about: string; turn: number; payload: unknown };
}

const HANDLERS = ["runtime", "random", "message-server", "store", "timing"];

export class Stage {
  readonly server: DevServer;
  readonly notes: string[];
  readonly #folder: string;

  private constructor(server: DevServer, notes: string[], folder: string) {
    this.server = server;
    this.notes = notes;
    this.#folder = folder;
  }

  static async start(): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), "theater-attack-"));
    const notes: string[] = [];
    const server = await startDevServer({
      port: 0,
      data: folder,
      note: (line) => notes.push(line),
    });
    return new Stage(server, notes, folder);
  }

  async end(): Promise<void> {
    await this.server.dispose();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${this.server.token}`);
    return await fetch(this.server.url + path, { ...init, headers });
  }

  /** The digest of an accepted component, or the problem. */
  async upload(bytes: Uint8Array): Promise<string | Problem> {
    const response = await this.ask("/v1/components", { method: "PUT", body: bytes });
    if (response.status !== 201) return (await response.json()) as Problem;
    return ((await response.json()) as { component: string }).component;
  }

  async start(component: string, more: Record<string, unknown> = {}): Promise<string | Problem> {
    const { initState, ...fields } = more;
    const manifest = {
      name: "attacker",
      version: "1",
      component,
      handler: HANDLERS.map((type) => ({ type })),
      ...fields,
    };
    const body = JSON.stringify({ manifest, ...(initState === undefined ? {} : { initState }) });
    const response = await this.ask("/v1/actors", { method: "POST", body });
    if (response.status !== 201) return (await response.json()) as Problem;
    return ((await response.json()) as { id: string }).id;
  }

  /** Uploads and starts what must be accepted. */
  async actor(bytes: Uint8Array, more: Record<string, unknown> = {}): Promise<string> {
    const component = await this.upload(bytes);
    if (typeof component !== "string") throw new Error(`refused: ${JSON.stringify(component)}`);
    const id = await this.start(component, more);
    if (typeof id !== "string") throw new Error(`not started: ${JSON.stringify(id)}`);
    return id;
  }

  /** The reply's bytes, or the problem. */
  async request(id: string, body: Uint8Array | string): Promise<Uint8Array | Problem> {
    const response = await this.ask(`/v1/actors/${id}/request`, { method: "POST", body });
    if (response.status >= 400) return (await response.json()) as Problem;
    return new Uint8Array(await response.arrayBuffer());
  }

  /** The newest events, oldest first. */
  async chain(id: string, from = 0): Promise<Row[]> {
    const response = await this.ask(`/v1/actors/${id}/chain?from=${from}&limit=1000`);
    return ((await response.json()) as { events: Row[] }).events;
  }

  async verdict(id: string): Promise<string> {
    const response = await this.ask(`/v1/actors/${id}/chain/verify`, { method: "POST" });
    return ((await response.json()) as { verdict: string }).verdict;
  }
}
