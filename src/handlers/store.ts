// `theater:simple/store`: the content-addressed store with its labels. An actor reaches the stores that
// it created and those that its manifest names, no others.
//
// Reads are local. Writes go to storage that others see, so each is journalled first; all of them may be
// repeated under the same call id.

import { z } from "zod";
import { sha256 } from "../chain/hash.ts";
import type { Value } from "../chain/value.ts";
import type { LabelledStores } from "../store/labels.ts";
import { fromHex, fromUtf8, toHex } from "../lib/bytes.ts";
import { ensureTheaterError } from "../lib/errors.ts";
import {
  denied,
  err,
  ok,
  type CallContext,
  type Effect,
  type Handler,
  type HandlerAnswer,
  type HostFunction,
} from "./handler.ts";
import { common, narrowing } from "./narrow.ts";

const STORE = "theater:simple/store";

type Operation = (call: StoreCall) => Promise<Value>;

interface StoreCall {
  context: CallContext;
  store: string;
  /** The arguments behind the store's id. */
  rest: readonly Value[];
}

/** Wraps an operation on one store: the grant is checked, and a refusal becomes the function's err. */
function onStore(effect: Effect, operation: Operation): HostFunction {
  const call = async (context: CallContext, args: readonly Value[]): Promise<HandlerAnswer> => {
    const [store, ...rest] = args;
    if (typeof store !== "string") return err("the store's id is not a text");
    if (!(await mayUseStore({ ...context, stores: context.services.stores }, store))) {
      return denied(`the store ${store} is not granted to this actor`);
    }
    return await answered(operation({ context, store, rest }));
  };
  return { effect, call };
}

async function answered(result: Promise<Value>): Promise<HandlerAnswer> {
  try {
    return ok(await result);
  } catch (thrown) {
    const error = ensureTheaterError(thrown);
    if (error.code === "internal") throw error;
    return err(error.message);
  }
}

/** Those that its grant names and those that it created. */
export async function mayUseStore(
  { actor, grant, stores }: { actor: string; grant: Value; stores: LabelledStores },
  store: string,
): Promise<boolean> {
  const named = (grant as { stores?: readonly string[] }).stores ?? [];
  if (named.includes(store)) return true;
  const owner = await stores.owner(store).catch(() => undefined);
  return owner === actor;
}

function digestOf(ref: Value | undefined): Uint8Array {
  const hash = (ref as { hash?: string } | undefined)?.hash ?? "";
  const digest = fromHex(hash);
  // A hash of the wrong form names no content; the store answers as for any content it does not hold.
  return digest?.length === 32 ? digest : new Uint8Array(32);
}

const refOf = (digest: Uint8Array): Value => ({ hash: toHex(digest) });
const textOf = (value: Value | undefined): string => value as string; // a string, by its WIT type
const bytesOf = (value: Value | undefined): Uint8Array => value as Uint8Array;

const reads: Record<string, Operation> = {
  get: ({ context, store, rest: [ref] }) => context.services.stores.get(store, digestOf(ref)),
  exists: ({ context, store, rest: [ref] }) => context.services.stores.exists(store, digestOf(ref)),
  "get-by-label": async ({ context, store, rest: [label] }) => {
    const digest = await context.services.stores.getByLabel(store, textOf(label));
    return digest === undefined ? null : [refOf(digest)];
  },
  "list-labels": ({ context, store }) => context.services.stores.listLabels(store),
  "list-all-content": async ({ context, store }) =>
    (await context.services.stores.listAllContent(store)).map(refOf),
  "calculate-total-size": ({ context, store }) => context.services.stores.calculateTotalSize(store),
};

const done = async (work: Promise<void>): Promise<Value> => {
  await work;
  return null;
};

const writes: Record<string, Operation> = {
  store: async ({ context, store, rest: [content] }) =>
    refOf(await context.services.stores.put(store, bytesOf(content))),
  label: ({ context, store, rest: [label, ref] }) =>
    done(context.services.stores.label(store, textOf(label), digestOf(ref))),
  "remove-label": ({ context, store, rest: [label] }) =>
    done(context.services.stores.removeLabel(store, textOf(label))),
  "remove-from-label": ({ context, store, rest: [label, ref] }) =>
    done(context.services.stores.removeFromLabel(store, textOf(label), digestOf(ref))),
  "store-at-label": async ({ context, store, rest: [label, content] }) =>
    refOf(await context.services.stores.putAtLabel(store, textOf(label), bytesOf(content))),
  "replace-content-at-label": async ({ context, store, rest: [label, content] }) =>
    refOf(
      await context.services.stores.replaceContentAtLabel(store, textOf(label), bytesOf(content)),
    ),
  "replace-at-label": ({ context, store, rest: [label, ref] }) =>
    done(context.services.stores.replaceAtLabel(store, textOf(label), digestOf(ref))),
};

/** The id of a new store follows from the call, so that a repetition makes no second one. */
function newStoreId(callId: string): string {
  return toHex(sha256(fromUtf8(callId)).subarray(0, 16));
}

function functions(): Record<string, HostFunction> {
  const all: Record<string, HostFunction> = {
    [`${STORE}#new`]: {
      effect: "by-id",
      call: async ({ actor, callId, services }) => {
        const id = newStoreId(callId);
        return await answered(services.stores.create(id, actor).then(() => id));
      },
    },
  };
  for (const [name, read] of Object.entries(reads)) {
    all[`${STORE}#${name}`] = onStore("local", read);
  }
  for (const [name, write] of Object.entries(writes)) {
    all[`${STORE}#${name}`] = onStore("by-id", write);
  }
  return all;
}

/** As a genesis can hold it; whether there is such a store is found out when it is used. */
const storeId = z
  .string()
  .max(64)
  .refine((id) => id.isWellFormed(), "half of a surrogate pair is no text");

export const store: Handler = {
  type: "store",
  may: "make stores, and use those and the ones named here",
  imports: [STORE],
  exports: [],
  /** `stores`: ids of stores of others that this actor may read and write. */
  config: z
    .strictObject({ stores: z.array(storeId).max(64).default([]) })
    .transform(({ stores }): Value => ({ stores })),
  narrow: narrowing({ stores: common }),
  pure: {},
  functions: functions(),
};
