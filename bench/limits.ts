// What the platform allows on the Workers Paid plan, as Cloudflare's pages said in 2026, and what this version of Theater
// binds of it. For the scaling model only: nothing at run time reads it.

/** Queries of one D1 database in a second, at a millisecond each: it is one thread (D1's FAQ). */
export const D1_STATEMENTS_PER_SECOND = 1_000;
export const D1_BYTES_MAX = 10e9;
/** Databases that may be bound as LEDGER … LEDGER_7. */
export const SHARDS_MAX = 8;
/** Rows that one database takes in a second, in statements of many: 1,000 events in 57 ms (measured, 2026-11). */
export const D1_ROWS_PER_SECOND = 17_500;
/** Requests to one Durable Object in a second that write: "200–500" (Durable Objects' rules of thumb, soft). */
export const OBJECT_WRITES_PER_SECOND = 300;
/** Of one isolate; objects of a class may share one. */
export const ISOLATE_BYTES = 128e6;
