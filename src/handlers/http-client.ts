// `theater:simple/http-client`: HTTP to granted hosts. Every hop of a request is checked against the grant, and
// secrets take their placeholders' places at the last moment.

import { z } from "zod";
import type { Value } from "../chain/value.ts";
import { denied, err, type CallContext, type Handler, type HandlerAnswer } from "./handler.ts";
import { exchange } from "./http-exchange.ts";
import { httpEffect, httpGrant, METHODS, readRequest, refusalOf } from "./http-request.ts";
import { common, least, narrowing, nested, type Meet } from "./narrow.ts";
import { coversOrigin, isExact, originPattern } from "./origin-pattern.ts";
import { SECRET_NAME } from "./secrets.ts";

const HTTP_CLIENT = "theater:simple/http-client";

const HOSTS_MAX = 256;
const SECRETS_MAX = 64;
const REDIRECTS_MAX = 10;
const TIMEOUT_MS_DEFAULT = 10_000;
const TIMEOUT_MS_MAX = 120_000;
const BYTES_DEFAULT = 1024 * 1024;
/** A body crosses into the isolate together with all else of its turn: see CALL_BYTES_MAX. */
const BYTES_MAX = 8 * 1024 * 1024;

const origin = z.string().transform((text, context) => {
  const read = originPattern(text);
  if ("pattern" in read) return read.pattern;
  context.addIssue({ code: "custom", message: read.problem });
  return z.NEVER;
});
const exactOrigin = origin.refine(isExact, "a secret goes only to hosts that are named in full");
const bytes = z.int().nonnegative().max(BYTES_MAX).default(BYTES_DEFAULT);

const config = z
  .strictObject({
    allowed_hosts: z.array(origin).max(HOSTS_MAX).default([]),
    allowed_methods: z.array(z.enum(METHODS)).default(["GET", "HEAD", "OPTIONS"]),
    repeatable_methods: z.array(z.enum(["PUT", "DELETE"])).default([]),
    secrets: z
      .record(z.string().regex(SECRET_NAME), z.array(exactOrigin).max(HOSTS_MAX))
      .refine((all) => Object.keys(all).length <= SECRETS_MAX, `at most ${SECRETS_MAX} secrets`)
      .default({}),
    max_redirects: z.int().nonnegative().max(REDIRECTS_MAX).default(0),
    timeout_ms: z.int().positive().max(TIMEOUT_MS_MAX).default(TIMEOUT_MS_DEFAULT),
    max_request_bytes: bytes,
    max_response_bytes: bytes,
  })
  .transform((given): Value => ({
    allowedHosts: given.allowed_hosts,
    allowedMethods: given.allowed_methods,
    repeatableMethods: given.repeatable_methods,
    secrets: given.secrets,
    maxRedirects: given.max_redirects,
    timeoutMs: given.timeout_ms,
    maxRequestBytes: given.max_request_bytes,
    maxResponseBytes: given.max_response_bytes,
  }));

async function sendHttp(context: CallContext, args: readonly Value[]): Promise<HandlerAnswer> {
  const grant = httpGrant(context.grant);
  const request = readRequest(args[0]);
  if ("problem" in request) return err(`bad-request: ${request.problem}`);
  const refusal = refusalOf(grant, request.method, request.url);
  if (refusal !== undefined) return denied(refusal);
  const { maxRequestBytes = 0 } = grant;
  if ((request.body?.length ?? 0) > maxRequestBytes) {
    return denied(`the body has more than ${maxRequestBytes} bytes (max_request_bytes)`);
  }
  return await exchange(context, grant, request);
}

/** Of the secrets that both name, the hosts that both name. */
const sameSecrets: Meet = (held, asked) => {
  const [mine, wanted] = [held, asked] as readonly Readonly<Record<string, Value>>[];
  const names = Object.keys(mine ?? {}).filter((name) => Object.hasOwn(wanted ?? {}, name));
  return Object.fromEntries(
    names.map((name) => [name, common(mine?.[name] ?? [], wanted?.[name] ?? [])]),
  );
};

export const httpClient: Handler = {
  type: "http-client",
  may: "send HTTP requests to the hosts named here",
  imports: [HTTP_CLIENT],
  exports: [],
  config,
  narrow: narrowing({
    allowedHosts: nested(coversOrigin),
    allowedMethods: common,
    repeatableMethods: common,
    secrets: sameSecrets,
    maxRedirects: least,
    timeoutMs: least,
    maxRequestBytes: least,
    maxResponseBytes: least,
  }),
  pure: {},
  functions: {
    [`${HTTP_CLIENT}#send-http`]: { effect: httpEffect, call: sendHttp },
  },
};
