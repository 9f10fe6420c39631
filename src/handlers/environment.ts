// `theater:simple/environment`: variables that the operator set for actors, and secrets by name.
//
// Rule: a secret's bytes never come here. The guest gets its placeholder, and http-client puts the secret
// in its place where the request leaves (see secrets.ts).

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import { returned, type CallContext, type Handler, type HandlerAnswer } from "./handler.ts";
import { SECRET_NAME } from "./secrets.ts";
import {
  environmentGrant,
  maySpeakOfSecret,
  meetOfGrants,
  mayReadVariable,
  type EnvironmentGrant,
} from "./variable-rules.ts";

const ENVIRONMENT = "theater:simple/environment";

/** Names in one list of the manifest. */
const NAMES_MAX = 256;
const NAME_LENGTH_MAX = 255;

const name = z
  .string()
  .min(1)
  .max(NAME_LENGTH_MAX)
  .refine((text) => text.isWellFormed(), "half of a surrogate pair is no text");
const names = z.array(name).max(NAMES_MAX).default([]);
const secretNames = z
  .array(z.string().regex(SECRET_NAME, "letters, digits and _, a letter first"))
  .max(NAMES_MAX)
  .default([]);

/** Without a result type of its own for it, a denial looks as if there were no such variable. */
const hidden = (result: Value): HandlerAnswer => ({ outcome: "denied", result });

/** What the actor sees under a name; undefined if it may see it and nothing is set. */
function lookUp({ services }: CallContext, grant: EnvironmentGrant, wanted: string) {
  // Secrets first: a variable of the same name is never shown in a secret's place.
  if (maySpeakOfSecret(grant, wanted)) return services.secrets.placeholder(wanted);
  return services.variables.get(wanted);
}

function find(
  context: CallContext,
  args: readonly Value[],
): { value?: string | undefined } | undefined {
  const grant = environmentGrant(context.grant);
  const wanted = args[0] as string; // by its WIT type
  if (!maySpeakOfSecret(grant, wanted) && !mayReadVariable(grant, wanted)) return undefined;
  return { value: lookUp(context, grant, wanted) };
}

function list(context: CallContext): [string, string][] {
  const grant = environmentGrant(context.grant);
  const { services } = context;
  const readable = [...services.variables.keys(), ...services.secrets.names].filter(
    (each) => maySpeakOfSecret(grant, each) || mayReadVariable(grant, each),
  );
  // Sorted: the order in which a platform hands out bindings is an accident, and results are hashed.
  return [...new Set(readable)].sort().flatMap((each) => {
    const value = lookUp(context, grant, each);
    return value === undefined ? [] : [[each, value] as [string, string]];
  });
}

export const environment: Handler = {
  type: "environment",
  may: "read the operator's variables named here, and name secrets",
  imports: [ENVIRONMENT],
  exports: [],
  config: z
    .strictObject({
      allowed_vars: names,
      denied_vars: names,
      allowed_prefixes: names,
      allow_list_all: z.boolean().default(false),
      secrets: secretNames,
    })
    .transform((config): Value => ({
      allowedVars: config.allowed_vars,
      deniedVars: config.denied_vars,
      allowedPrefixes: config.allowed_prefixes,
      allowListAll: config.allow_list_all,
      secrets: config.secrets,
    })),
  narrow: meetOfGrants,
  pure: {},
  functions: {
    [`${ENVIRONMENT}#get-var`]: {
      effect: "local",
      call: async (context, args) => {
        const found = find(context, args);
        if (found === undefined) return hidden(null);
        return returned(found.value === undefined ? null : [found.value]);
      },
    },
    [`${ENVIRONMENT}#list-vars`]: {
      effect: "local",
      call: async (context) =>
        environmentGrant(context.grant).allowListAll === true
          ? returned(list(context))
          : hidden([]),
    },
    [`${ENVIRONMENT}#exists`]: {
      effect: "local",
      call: async (context, args) => {
        const found = find(context, args);
        return found === undefined ? hidden(false) : returned(found.value !== undefined);
      },
    },
  },
};
