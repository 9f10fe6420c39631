// The interfaces of wit/ as the component sees them: names in camel case, u64 as a number, none as
// null, an err as a thrown Error whose message is its text.

type Bytes = Uint8Array<ArrayBuffer>;

declare module "theater:simple/runtime" {
  interface ChainEvent {
    readonly eventType: string;
    readonly parent: number | null;
    readonly data: Bytes;
  }
  interface Chain {
    readonly events: readonly { readonly hash: number; readonly event: ChainEvent }[];
  }
  export function log(message: string): void;
  export function getChain(): Chain;
  export function shutdown(data: Uint8Array | null): void;
}

declare module "theater:simple/message-server-host" {
  export function send(actorId: string, message: Uint8Array): void;
  export function request(actorId: string, message: Uint8Array): Bytes;
  export function openChannel(actorId: string, message: Uint8Array): string;
  export function sendOnChannel(channelId: string, message: Uint8Array): void;
  export function closeChannel(channelId: string): void;
  export function listOutstandingRequests(): string[];
  export function respondToRequest(requestId: string, response: Uint8Array): void;
  export function cancelRequest(requestId: string): void;
}

declare module "theater:simple/supervisor" {
  interface ChainEvent {
    readonly hash: Bytes;
    readonly parentHash: Bytes | null;
    readonly eventType: string;
    readonly data: Bytes;
    readonly timestamp: number;
    readonly description: string | null;
  }
  export function spawn(manifest: string, initBytes: Uint8Array | null): string;
  export function resume(manifest: string, initState: Uint8Array | null): string;
  export function listChildren(): string[];
  export function stopChild(childId: string): void;
  export function restartChild(childId: string): void;
  export function getChildState(childId: string): Bytes | null;
  export function getChildEvents(childId: string): ChainEvent[];
}

declare module "theater:simple/store" {
  interface ContentRef {
    readonly hash: string;
  }
  export { newStore as new };
  function newStore(): string;
  export function store(storeId: string, content: Uint8Array): ContentRef;
  export function get(storeId: string, ref: ContentRef): Bytes;
  export function exists(storeId: string, ref: ContentRef): boolean;
  export function label(storeId: string, label: string, ref: ContentRef): void;
  export function getByLabel(storeId: string, label: string): ContentRef | null;
  export function removeLabel(storeId: string, label: string): void;
  export function removeFromLabel(storeId: string, label: string, ref: ContentRef): void;
  export function storeAtLabel(storeId: string, label: string, content: Uint8Array): ContentRef;
  export function replaceContentAtLabel(
    storeId: string,
    label: string,
    content: Uint8Array,
  ): ContentRef;
  export function replaceAtLabel(storeId: string, label: string, ref: ContentRef): void;
  export function listLabels(storeId: string): string[];
  export function listAllContent(storeId: string): ContentRef[];
  export function calculateTotalSize(storeId: string): number;
}

declare module "theater:simple/timing" {
  export function now(): number;
  export function sleep(duration: number): void;
  export function deadline(timestamp: number): void;
}

declare module "theater:edge/timers" {
  type Plan =
    | { readonly tag: "at" | "after" | "every"; readonly val: number }
    | { readonly tag: "cron"; readonly val: string };
  interface Timer {
    readonly name: string;
    readonly plan: Plan;
    readonly due: number;
  }
  export function schedule(name: string, plan: Plan, body: Uint8Array): number;
  export function cancel(name: string): boolean;
  export function list(): Timer[];
}

declare module "theater:simple/random" {
  export function randomBytes(length: number): Bytes;
  export function randomRange(min: number, max: number): number;
  export function randomFloat(): number;
  export function generateUuid(): string;
}

declare module "theater:simple/environment" {
  export function getVar(name: string): string | null;
  export function listVars(): [string, string][];
  export function exists(name: string): boolean;
}

declare module "theater:simple/filesystem" {
  export function readFile(path: string): Bytes;
  export function writeFile(path: string, content: string): void;
  export function listFiles(path: string): string[];
  export function deleteFile(path: string): void;
  export function createDir(path: string): void;
  export function deleteDir(path: string): void;
  export function pathExists(path: string): boolean;
  export function executeCommand(dir: string, command: string, args: readonly string[]): unknown;
  export function executeNixCommand(dir: string, command: string): unknown;
}

declare module "theater:simple/http-client" {
  type Headers = readonly (readonly [string, string])[];
  interface HttpRequest {
    readonly method: string;
    readonly uri: string;
    readonly headers: Headers;
    readonly body: Uint8Array | null;
  }
  interface HttpResponse {
    readonly status: number;
    readonly headers: Headers;
    readonly body: Bytes | null;
  }
  export function sendHttp(request: HttpRequest): HttpResponse;
}

declare module "theater:simple/http-framework" {
  interface ServerConfig {
    readonly port: number | null;
    readonly host: string | null;
    readonly tlsConfig: { readonly certPath: string; readonly keyPath: string } | null;
  }
  interface ServerInfo {
    readonly id: number;
    readonly port: number;
    readonly host: string;
    readonly running: boolean;
    readonly routesCount: number;
    readonly middlewareCount: number;
    readonly websocketEnabled: boolean;
  }
  export function createServer(config: ServerConfig): number;
  export function getServerInfo(serverId: number): ServerInfo;
  export function startServer(serverId: number): number;
  export function stopServer(serverId: number): void;
  export function destroyServer(serverId: number): void;
  export function registerHandler(handlerName: string): number;
  export function addRoute(
    serverId: number,
    path: string,
    method: string,
    handlerId: number,
  ): number;
  export function removeRoute(routeId: number): void;
  export function addMiddleware(serverId: number, path: string, handlerId: number): number;
  export function removeMiddleware(middlewareId: number): void;
  export function enableWebsocket(
    serverId: number,
    path: string,
    connectHandler: number | null,
    messageHandler: number,
    disconnectHandler: number | null,
  ): void;
}

declare module "theater:edge/http-stream" {
  export function begin(status: number, headers: [name: string, value: string][]): void;
  export function write(chunk: Uint8Array): void;
}

declare module "theater:edge/websockets" {
  type SocketMessage =
    | { readonly tag: "text"; readonly val: string }
    | { readonly tag: "binary"; readonly val: Uint8Array };
  export function broadcast(path: string | null, message: SocketMessage): number;
  export function send(connectionId: number, message: SocketMessage): void;
  export function close(connectionId: number, code: number, reason: string): void;
  export function connections(path: string | null): Iterable<number | bigint>;
}

declare module "theater:simple/process" {
  export function osSpawn(config: object): number;
  export function osWriteStdin(pid: number, data: Uint8Array): number;
  export function osStatus(pid: number): unknown;
  export function osSignal(pid: number, signal: number): void;
  export function osKill(pid: number): void;
}
