// What the front door takes in at most, by name. The runtime has limits of its own (mailbox, state, fuel).

const MiB = 1024 * 1024;

/** The body of one send or request: the default of a manifest's `message_bytes`. */
export const MESSAGE_BYTES_MAX = MiB;
/** Transpiling needs 5–10 times a component's size on a base of 120 MB, in an isolate of 128 MB. */
export const COMPONENT_BYTES_MAX = 8 * MiB;
export const MANIFEST_BYTES_MAX = 256 * 1024;
export const INIT_STATE_BYTES_MAX = MiB;
/** A manifest (at worst every character escaped) and a state in base64, with room for the keys. */
export const START_BODY_BYTES_MAX =
  2 * MANIFEST_BYTES_MAX + Math.ceil(INIT_STATE_BYTES_MAX / 3) * 4 + 1024;
/** One content of a store. It crosses RPC, which carries at most 32 MiB. */
export const CONTENT_BYTES_MAX = 8 * MiB;
export const LABEL_BODY_BYTES_MAX = 1024;

/** The body of a request for an actor's own routes; its manifest may say less. It crosses RPC, which carries 32 MiB. */
export const HTTP_BODY_BYTES_MAX = 16 * MiB;
/** What of such a request goes into its actor's chain besides the body. */
export const HTTP_URI_CHARS_MAX = 8 * 1024;
export const HTTP_HEADERS_MAX = 128;
export const HTTP_HEADER_CHARS_MAX = 32 * 1024;
/** A public name, as the handler http-framework takes it. */
export const SITE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export const IDEMPOTENCY_KEY_CHARS_MAX = 255;
export const NAME_CHARS_MAX = 256;
export const CURSOR_CHARS_MAX = 512;
export const EVENT_TYPES_MAX = 32;
export const ABOUT_CHARS_MAX = 128;
export const REASON_CHARS_MAX = 500;
/** Positions of 16 digits and a reason, at worst every character escaped. */
export const ERASE_BODY_BYTES_MAX = 32 * 1024;
/** A manifest, at worst every character escaped, with variables, a reason and the rest. */
export const UPGRADE_BODY_BYTES_MAX = 4 * MANIFEST_BYTES_MAX;
export const REFERENCE_CHARS_MAX = 512;
/** A number and a reason, at worst every character escaped. */
export const REVERT_BODY_BYTES_MAX = 8 * 1024;
export const FORK_BODY_BYTES_MAX = 1024;

export const ACTOR_PAGE_DEFAULT = 100;
export const ACTOR_PAGE_MAX = 1000;
export const CHAIN_PAGE_DEFAULT = 100;
export const CHAIN_PAGE_MAX = 1000;
