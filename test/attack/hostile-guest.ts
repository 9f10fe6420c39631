// One component that attacks its host in every way a guest can: the first byte of a request's body says
// which. Written in WAT, because a compiler would not let it through.

import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { readFileSync } from "node:fs";

/** Numbers of the attacks, as the first byte of a request. */
export const ATTACKS = {
  echo: 0,
  unreachable: 1,
  outOfBounds: 2,
  callBeyondTable: 3,
  callNull: 4,
  callOtherType: 5,
  divideByZero: 6,
  divideOverflow: 7,
  truncateNan: 8,
  stackOverflow: 9,
  errLong: 10,
  errSurrogate: 11,
  logInvalidUtf8: 12,
  logBom: 13,
  stateTooLong: 14,
  logForever: 15,
  logMegabytes: 16,
  randomMax: 17,
  echoId: 18,
  badResultCase: 19,
  badOptionCase: 20,
  replyBeyondMemory: 21,
  growForever: 22,
  replyLong: 23,
  stateHuge: 24,
  sendMegabytes: 25,
  getChainTooOften: 26,
  logHuge: 27,
  sendToNobody: 28,
  stateSmall: 29,
  requestSelf: 30,
} as const;

export const HOSTILE_WIT = `
package theater:simple;
interface types { type actor-id = string;
  record chain { events: list<meta-event> } record meta-event { hash: u64, event: event }
  record event { event-type: string, parent: option<u64>, data: list<u8> } }
interface runtime { use types.{chain}; log: func(msg: string); get-chain: func() -> chain; }
interface random { random-bytes: func(length: u32) -> result<list<u8>, string>; }
interface message-server-host { use types.{actor-id};
  send: func(actor-id: actor-id, msg: list<u8>) -> result<_, string>;
  request: func(actor-id: actor-id, msg: list<u8>) -> result<list<u8>, string>; }
interface actor { init: func(state: option<list<u8>>, params: tuple<string>) -> result<tuple<option<list<u8>>>, string>; }
interface message-server-client {
  handle-send: func(state: option<list<u8>>, params: tuple<list<u8>>) -> result<tuple<option<list<u8>>>, string>;
  handle-request: func(state: option<list<u8>>, params: tuple<string, list<u8>>) -> result<tuple<option<list<u8>>, tuple<option<list<u8>>>>, string>;
}
world hostile { import runtime; import random; import message-server-host; export actor; export message-server-client; }
world tiny { import runtime; export actor; export message-server-client; }
`;

const MIB = 1024 * 1024;

/** What each attack does in the request's turn. It may fall through: then the reply is empty. */
const BODIES: Record<keyof typeof ATTACKS, string> = {
  echo: "(call $reply (local.get $body) (local.get $bodyLength))",
  unreachable: "unreachable",
  outOfBounds: "(drop (i32.load (i32.const -4)))",
  callBeyondTable: "(call_indirect (i32.const 99))",
  callNull: "(call_indirect (i32.const 1))",
  callOtherType: "(drop (call_indirect (param i32) (result i32) (i32.const 0) (i32.const 0)))",
  divideByZero: "(drop (i32.div_s (i32.const 1) (local.get $zero)))",
  divideOverflow:
    "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (local.get $zero) (i32.const 1))))",
  truncateNan: "(drop (i32.trunc_f64_s (f64.const nan)))",
  stackOverflow: "(drop (call $deep (i32.const 1)))",
  errLong: `(call $err (call $filled (i32.const ${MIB})) (i32.const ${MIB}))`,
  errSurrogate:
    "(i32.store (i32.const 512) (i32.const 0x80a0ed)) (call $err (i32.const 512) (i32.const 3))",
  logInvalidUtf8:
    "(i32.store (i32.const 512) (i32.const 0xfffe)) (call $log (i32.const 512) (i32.const 2))",
  logBom:
    "(i32.store (i32.const 512) (i32.const 0x41bfbbef)) (call $log (i32.const 512) (i32.const 4))",
  stateTooLong: `(call $state (call $filled (i32.const ${8 * MIB + 1})) (i32.const ${8 * MIB + 1}))`,
  logForever: "(loop $again (call $log (i32.const 512) (i32.const 0)) (br $again))",
  logMegabytes: `(local.set $at (call $filled (i32.const ${MIB})))
    (loop $again (call $log (local.get $at) (i32.const ${MIB}))
      (br_if $again (i32.lt_u (local.tee $zero (i32.add (local.get $zero) (i32.const 1))) (i32.const 100))))`,
  randomMax: `(call $random (i32.const -1) (i32.const 512))
    (call $reply (i32.load (i32.const 516)) (i32.load (i32.const 520)))`,
  echoId: "(call $reply (local.get $id) (local.get $idLength))",
  badResultCase: "(i32.store8 (i32.const 0) (i32.const 7))",
  badOptionCase: "(i32.store8 (i32.const 4) (i32.const 9))",
  replyBeyondMemory: "(call $reply (i32.const 65000) (i32.const 0x7fffffff))",
  growForever: `(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (i32.store (i32.const 512) (memory.size)) (call $reply (i32.const 512) (i32.const 4))`,
  replyLong: `(call $reply (call $filled (i32.const ${9 * MIB})) (i32.const ${9 * MIB}))`,
  stateHuge: `(call $state (call $filled (i32.const ${40 * MIB})) (i32.const ${40 * MIB}))`,
  sendMegabytes: `(local.set $at (call $filled (i32.const ${MIB})))
    (loop $again (call $send (call $somebody) (i32.const 32) (local.get $at) (i32.const ${MIB}) (i32.const 512))
      (br_if $again (i32.lt_u (local.tee $zero (i32.add (local.get $zero) (i32.const 1))) (i32.const 999))))`,
  getChainTooOften: `(loop $again (call $log (i32.const 512) (i32.const 0))
      (br_if $again (i32.lt_u (local.tee $zero (i32.add (local.get $zero) (i32.const 1))) (i32.const 9999))))
    (call $getChain (i32.const 512)) (call $getChain (i32.const 512))`,
  logHuge: `(call $log (call $filled (i32.const ${40 * MIB})) (i32.const ${40 * MIB}))`,
  sendToNobody: `(call $send (call $somebody) (i32.const 32) (i32.const 512) (i32.const 4) (i32.const 512))`,
  stateSmall: `(i32.store (i32.const 512) (i32.const 0x6f6b)) (call $state (i32.const 512) (i32.const 2))`,
  requestSelf: `(call $request (call $somebody) (i32.const 32) (i32.const 512) (i32.const 4) (i32.const 512))`,
};

/** Memory: 0 the answer, 512 room for an attack, 1024 an actor's id, from 4096 on what is allocated. */
const RUNTIME = `
  (func $somebody (result i32) (i32.const 1024))
  (func $state (param i32 i32)
    (i32.store8 (i32.const 4) (i32.const 1))
    (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)))
  (func $reply (param i32 i32)
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store (i32.const 20) (local.get 0)) (i32.store (i32.const 24) (local.get 1)))
  (func $err (param i32 i32)
    (i32.store8 (i32.const 0) (i32.const 1))
    (i32.store (i32.const 4) (local.get 0)) (i32.store (i32.const 8) (local.get 1)))
  (func $filled (param i32) (result i32)
    (local $at i32)
    (local.set $at (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (local.get 0)))
    (memory.fill (local.get $at) (i32.const 0x61) (local.get 0))
    (local.get $at))
  (func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
  (func $nothing)
  (func $alloc (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (block $enough
      (loop $again
        (br_if $enough (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
        (br $again)))
    (local.get $at))`;

function cases(): string {
  return Object.entries(BODIES)
    .map(
      ([name, body]) =>
        `(if (i32.eq (local.get $attack) (i32.const ${ATTACKS[name as keyof typeof ATTACKS]})) (then ${body}))`,
    )
    .join("\n    ");
}

const ACTOR = "theater:simple/actor#init";
const SEND = "theater:simple/message-server-client#handle-send";
const REQUEST = "theater:simple/message-server-client#handle-request";

function hostileWat(): string {
  const somebody = "b".repeat(32);
  return `(module
  (type $plain (func))
  (import "theater:simple/runtime" "log" (func $log (param i32 i32)))
  (import "theater:simple/runtime" "get-chain" (func $getChain (param i32)))
  (import "theater:simple/random" "random-bytes" (func $random (param i32 i32)))
  (import "theater:simple/message-server-host" "send" (func $send (param i32 i32 i32 i32 i32)))
  (import "theater:simple/message-server-host" "request" (func $request (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (table 2 funcref) (elem (i32.const 0) $nothing)
  (data (i32.const 1024) "${somebody}")
  (global $top (mut i32) (i32.const 4096))
  ${RUNTIME}
  (func (export "${ACTOR}") (param $some i32) (param i32 i32 i32 i32) (result i32)
    (if (local.get $some) (then unreachable))
    (i32.const 0))
  (func (export "${SEND}") (param i32 i32 i32 i32 i32) (result i32) (i32.const 0))
  (func (export "${REQUEST}") (param i32 i32 i32) (param $id i32) (param $idLength i32)
      (param $body i32) (param $bodyLength i32) (result i32)
    (local $attack i32) (local $zero i32) (local $at i32)
    (local.set $attack (i32.load8_u (local.get $body)))
    (call $reply (i32.const 512) (i32.const 0))
    ${cases()}
    (i32.const 0)))`;
}

/** A component from a core module that fits the world. */
export async function componentOf(
  wat: string,
  { witSource = HOSTILE_WIT, world = "tiny" } = {},
): Promise<Uint8Array> {
  const binary = await parse(wat);
  return await componentNew(await componentEmbed({ binary, witSource, world }), []);
}

export async function hostileComponent(): Promise<Uint8Array> {
  return await componentOf(hostileWat(), { world: "hostile" });
}

/** The smallest actor in WAT, with `more` fields in its module; `init` is the body of its first turn. */
export function smallActor({
  more = "",
  init = "",
  memory = '(memory (export "memory") 1)',
} = {}): string {
  return `(module
  (import "theater:simple/runtime" "log" (func $log (param i32 i32)))
  ${memory}
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "${ACTOR}") (param i32 i32 i32 i32 i32) (result i32) ${init} (i32.const 0))
  (func (export "${SEND}") (param i32 i32 i32 i32 i32) (result i32) (i32.const 0))
  (func (export "${REQUEST}") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 1)) (i32.const 0)) ;; some(empty): none would leave it open
  ${more})`;
}

export const TINY = new Uint8Array(readFileSync("test/fixtures/tiny.wasm"));
