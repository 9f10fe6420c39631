// Restate as one node with its state on disk, and beside it the service that its TypeScript SDK serves.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PEERS, peerVersion } from "./peer-packages.ts";
import { endLater, firstJson, freePort, startProgram } from "./peer-process.ts";
import { BODY, KEYS, type Served } from "./served.ts";

const READY_MS_MAX = 60_000;
const POLL_MS = 200;

/** `isSynced`: whether its log is on disk before an answer, as it is by default, and as workerd does it. */
export async function serveRestate({ isSynced }: { isSynced: boolean }): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "theater-bench-restate-"));
  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()];
  const service = startProgram(process.execPath, [join(PEERS, "restate-service.ts")]);
  const server = startProgram(
    join(
      PEERS,
      "node_modules/@restatedev",
      `restate-server-${process.platform}-${process.arch}/bin/restate-server`,
    ),
    [],
    {
      cwd: folder,
      env: {
        // Where it puts what it cannot hold in memory, and leaves it.
        TMPDIR: folder,
        RESTATE_BASE_DIR: join(folder, "data"),
        RESTATE_NODE_NAME: "bench",
        RESTATE_DISABLE_TELEMETRY: "true",
        RESTATE_LOG_FILTER: "warn",
        RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
        RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
        RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
        RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
        RESTATE_BIFROST__LOCAL__ROCKSDB_DISABLE_WAL_FSYNC: String(!isSynced),
        RESTATE_LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC: String(!isSynced),
      },
    },
  );
  const stop = async (): Promise<void> => {
    await server.end();
    await service.end();
    await rm(folder, { recursive: true, force: true });
  };
  endLater(stop);
  try {
    const { port } = await firstJson<{ port: number }>(service);
    await register(admin, port);
    return {
      port: ingress,
      paths: Array.from({ length: KEYS }, (_, key) => `/Counter/key-${key}/add`),
      headers: { "content-type": "application/json" },
      body: JSON.stringify(BODY.slice(2)),
      versions: {
        "@restatedev/restate-server": await peerVersion("@restatedev/restate-server"),
        "@restatedev/restate-sdk": await peerVersion("@restatedev/restate-sdk"),
      },
    };
  } catch (thrown) {
    throw new Error(`${String(thrown)}: ${server.errors()}`, { cause: thrown });
  }
}

async function register(admin: number, service: number): Promise<void> {
  let last = "";
  for (const begun = Date.now(); Date.now() - begun < READY_MS_MAX; await sleep(POLL_MS)) {
    try {
      const response = await fetch(`http://127.0.0.1:${admin}/deployments`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ uri: `http://127.0.0.1:${service}`, force: true }),
      });
      last = await response.text();
      if (response.ok) return;
    } catch (thrown) {
      last = String(thrown);
    }
  }
  throw new Error(`it did not take the service: ${last}`);
}
