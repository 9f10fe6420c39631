// What Cloudflare charges on the Workers Paid plan beyond what is included in it, in US dollars. Public list prices as
// their pages said in 2026; nothing here is an offer, and all of it changes.

/** Where each price stands, and when that page was read. */
export const SOURCES = [
  "developers.cloudflare.com/workers/platform/pricing (as quoted 2026-08-03)",
  "developers.cloudflare.com/durable-objects/platform/pricing (2026-11)",
  "developers.cloudflare.com/d1/platform/pricing (as quoted 2026-08-03)",
  "developers.cloudflare.com/r2/pricing (2026-11)",
  "developers.cloudflare.com/dynamic-workers/pricing (2026-11)",
] as const;

/** A request to a Worker; the same for a call into a Dynamic Worker. */
export const WORKER_REQUEST = 0.3 / 1e6;
export const CPU_MS = 0.02 / 1e6;

/** A request to a Durable Object: HTTP, an RPC session, an alarm. */
export const OBJECT_REQUEST = 0.15 / 1e6;
/** While an object is at work it is billed with all the memory that it might take. */
export const OBJECT_GB_SECOND = 12.5 / 1e6;
export const OBJECT_GB = 0.128;

/** The same in Durable Objects and in D1. A row that is deleted counts as written. */
export const ROW_READ = 0.001 / 1e6;
export const ROW_WRITTEN = 1 / 1e6;

export const R2_CLASS_A = 4.5 / 1e6;
export const R2_CLASS_B = 0.36 / 1e6;

export const OBJECT_GB_MONTH = 0.2;
export const D1_GB_MONTH = 0.75;
export const R2_GB_MONTH = 0.015;

/** Each different Dynamic Worker, which here is a component in use, on each day that it is used. */
export const DYNAMIC_WORKER_DAY = 0.002;

/** Each month, whatever is used. */
export const PLAN_MONTH = 5;
