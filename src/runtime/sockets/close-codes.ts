// Why a WebSocket is closed by the host: codes of RFC 6455 section 7.4 and of its registry at IANA.

import { fromUtf8 } from "../../lib/bytes.ts";

export interface Closing {
  code: number;
  reason: string;
}

export const CLOSED = {
  /** The actor was stopped, or deleted. */
  stopped: { code: 1001, reason: "stopped" },
  /** Nothing serves the path any more. */
  unserved: { code: 1001, reason: "not served any more" },
  /** Nobody is at the other end: what it says reaches nobody. */
  lost: { code: 1001, reason: "lost" },
  /** The guest did not accept the channel. */
  refused: { code: 1008, reason: "refused" },
  tooLarge: { code: 1009, reason: "message too large" },
  failed: { code: 1011, reason: "failed" },
  /** A frame could not be recorded: its turn did not happen. */
  unrecorded: { code: 1011, reason: "not recorded" },
  /** The actor returned what no frame can be. */
  unsendable: { code: 1011, reason: "answer not sendable" },
  /** More came than is held for turns to come. */
  busy: { code: 1013, reason: "too many messages wait" },
} as const satisfies Record<string, Closing>;

/** Of a close frame, in UTF-8 (RFC 6455 section 5.5: 125 bytes with the code). */
export const REASON_BYTES_MAX = 123;

/** As much of a text as a close frame takes. */
export function reasonText(text: string): string {
  let kept = text.slice(0, REASON_BYTES_MAX);
  while (fromUtf8(kept).length > REASON_BYTES_MAX) kept = kept.slice(0, -1);
  return kept;
}

/** Codes that an endpoint may send for reasons of its own. */
export const isSendableCode = (code: number): boolean =>
  code === 1000 || (code >= 3000 && code <= 4999);
