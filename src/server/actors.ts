// Routes of actors: start and look at them, and change their status. Messages are in messages.ts.

import { z } from "zod";
import { fromBase64, fromUtf8 } from "../lib/bytes.ts";
import { assert } from "../lib/errors.ts";
import {
  ACTOR_PAGE_DEFAULT,
  ACTOR_PAGE_MAX,
  CURSOR_CHARS_MAX,
  INIT_STATE_BYTES_MAX,
  MANIFEST_BYTES_MAX,
  START_BODY_BYTES_MAX,
} from "./limits.ts";
import type { TreeNode } from "../runtime/actors.ts";
import { idempotencyKey, readJson, readQuery, tooLarge, wholeNumber } from "./input.ts";
import { eventHeader, respond } from "./problem.ts";
import { json } from "./route.ts";
import type { Route } from "./route.ts";
import {
  actorId,
  actorPage,
  actorStatus,
  actorSummary,
  changed,
  children,
  startBody,
  started,
  treeNode,
} from "./schemas.ts";

/** Of every birth that an operator asks for. */
export const START_REFUSALS: Route["refusals"] = [
  "bad-manifest",
  "unknown-import",
  "missing-handler",
  "not-granted",
  // A component that a store holds or an address gives is uploaded by its first start.
  "not-wasm",
  "core-module",
  "truncated-component",
  "bad-component",
  "transpile-failed",
  "content-corrupt",
  "not-an-actor",
  "key-reused",
  "not-found",
  "wrong-state",
  "busy",
  "unavailable",
  "outcome-unknown",
  "guest-error",
  "guest-trap",
  "limit-exceeded",
];

const start: Route = {
  method: "POST",
  path: "/v1/actors",
  idempotent: true,
  summary: "Start an actor",
  body: {
    description: "What to run, and what it may do.",
    mediaType: "application/json",
    bytesMax: START_BODY_BYTES_MAX,
    schema: startBody,
  },
  success: [{ status: 201, description: "Started.", content: json(started), event: true }],
  refusals: START_REFUSALS,
  async serve(call) {
    const idempotency = idempotencyKey(call);
    const limit = { name: "body", bytesMax: START_BODY_BYTES_MAX };
    const { manifest, initState, variables, parent } = await readJson(call, startBody, limit);
    const input = {
      manifest: checkedManifest(manifest),
      initState: typeof initState === "string" ? checkedState(initState) : null,
      ...(variables == null ? {} : { variables: checkedManifest(variables) }),
      parent: parent ?? null,
      principal: call.principal,
      ...(idempotency === undefined ? {} : { idempotency }),
    };
    return respond(await call.actors.start(input), (actor) =>
      Response.json(actor, {
        status: 201,
        headers: { location: `/v1/actors/${actor.id}`, ...eventHeader(actor.head) },
      }),
    );
  },
};

export function checkedManifest<M extends string | Record<string, unknown>>(manifest: M): M {
  const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
  if (fromUtf8(text).length <= MANIFEST_BYTES_MAX) return manifest;
  throw tooLarge({ name: "manifest", bytesMax: MANIFEST_BYTES_MAX });
}

function checkedState(base64: string): Uint8Array {
  const state = fromBase64(base64);
  assert(state !== undefined, "the schema lets only base64 through");
  if (state.length <= INIT_STATE_BYTES_MAX) return state;
  throw tooLarge({ name: "initial state", bytesMax: INIT_STATE_BYTES_MAX });
}

const listQuery = z.object({
  status: actorStatus.optional(),
  parent: actorId.optional(),
  cursor: z.string().min(1).max(CURSOR_CHARS_MAX).optional().describe("From the page before."),
  limit: wholeNumber(1, ACTOR_PAGE_MAX).default(ACTOR_PAGE_DEFAULT),
});

const list: Route = {
  method: "GET",
  path: "/v1/actors",
  summary: "List actors",
  query: listQuery,
  success: [{ status: 200, description: "A page.", content: json(actorPage) }],
  refusals: ["unavailable"],
  async serve(call) {
    const { status, parent, cursor, limit } = readQuery(call, listQuery);
    const query = { status: status ?? null, parent: parent ?? null, cursor: cursor ?? null, limit };
    return respond(await call.actors.list(query), (page) => Response.json(page));
  },
};

const inspect: Route = {
  method: "GET",
  path: "/v1/actors/:id",
  summary: "Show an actor",
  success: [{ status: 200, description: "The actor.", content: json(actorSummary) }],
  refusals: ["unavailable", "outcome-unknown"],
  serve: async ({ actors, param }) =>
    respond(await actors.inspect(param("id")), (actor) => Response.json(actor)),
};

const manifest: Route = {
  method: "GET",
  path: "/v1/actors/:id/manifest",
  summary: "Show an actor's manifest",
  success: [{ status: 200, description: "TOML.", content: { "application/toml": null } }],
  refusals: ["unavailable", "outcome-unknown", "content-corrupt"],
  serve: async ({ actors, param }) =>
    respond(
      await actors.manifest(param("id")),
      (text) => new Response(text, { headers: { "content-type": "application/toml" } }),
    ),
};

const tree: Route = {
  method: "GET",
  path: "/v1/actors/:id/tree",
  summary: "Show an actor with its children, and theirs",
  success: [{ status: 200, description: "The tree.", content: json(treeNode) }],
  refusals: ["unavailable", "outcome-unknown"],
  serve: async ({ actors, param }) =>
    respond(await actors.tree(param("id")), (root) => Response.json(root)),
};

const childrenOf: Route = {
  method: "GET",
  path: "/v1/actors/:id/children",
  summary: "List the children that an actor supervises",
  success: [{ status: 200, description: "In start order.", content: json(children) }],
  refusals: ["unavailable", "outcome-unknown"],
  serve: async ({ actors, param }) =>
    respond(await actors.tree(param("id"), 1), (root) =>
      Response.json({ children: root.children.map(withoutChildren) }),
    ),
};

function withoutChildren(node: TreeNode): Omit<TreeNode, "children"> {
  const { children: _, ...child } = node;
  return child;
}

const CHANGES = {
  stop: "Stop an actor after its running turn",
  terminate: "Stop an actor at once, cutting its running turn",
  restart: "Start an actor again from its last state",
  pause: "Let an actor take messages but run none",
  resume: "Let a paused actor run again",
  delete: "Delete a stopped actor for ever; its chain stays",
} as const;

function change(name: keyof typeof CHANGES): Route {
  return {
    method: "POST",
    path: `/v1/actors/:id/${name}`,
    summary: CHANGES[name],
    success: [{ status: 200, description: "The new status.", content: json(changed), event: true }],
    refusals: ["wrong-state", "unavailable", "outcome-unknown", "too-slow"],
    serve: async (call) => {
      const { actors, param, principal } = call;
      const key = idempotencyKey(call)?.key ?? null;
      return respond(await actors.lifecycle(param("id"), name, principal, key), (now) =>
        Response.json(now, { headers: eventHeader(now.event) }),
      );
    },
  };
}

const remove: Route = {
  ...change("delete"),
  method: "DELETE",
  path: "/v1/actors/:id",
};

export const actorRoutes: readonly Route[] = [
  start,
  list,
  inspect,
  manifest,
  tree,
  childrenOf,
  change("stop"),
  change("terminate"),
  change("restart"),
  change("pause"),
  change("resume"),
  remove,
];
