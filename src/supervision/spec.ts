// What a supervisor is told about itself and its children: OTP's supervisor flags and child specification,
// in Theater's words. All values are plain data; times are milliseconds.

/**
 * Why a child is no longer running. A guest's own error is not here: the actor lives on, and supervision
 * never hears of it.
 */
export const EXIT_KINDS = [
  "normal", // it ended itself: `runtime.shutdown`
  "shutdown", // it ended because it was told to in good order, or by auto-shutdown (OTP's `shutdown`)
  "escalated", // a supervisor that gave up: OTP's `shutdown` after too many restarts
  "stopped", // a person, or another actor than its supervisor, stopped it: OTP's `terminate_child`
  "trap",
  "limit",
  "host", // the host failed while it served the guest
  "component-missing", // the store no longer has the component or its module set
  "corrupted-state", // the bytes of the state do not have the digest that names them
  "cut", // a turn without a deterministic end: wall clock, memory, lost or diverged on resume
  "crash-loop", // the same turn took the host down again and again
] as const;
export type ExitKind = (typeof EXIT_KINDS)[number];

/** What a policy hook may say. `restart` never revives a temporary child. */
export const HOOK_ACTIONS = ["restart", "restart-from-init", "stop", "escalate"] as const;
export type HookAction = (typeof HOOK_ACTIONS)[number];
type Hooks = { readonly [K in ExitKind]?: HookAction | undefined };

export const RESTARTS = ["permanent", "transient", "temporary"] as const;
export type Restart = (typeof RESTARTS)[number];

/** Milliseconds to end in good order before it is killed; kill at once; or wait for ever. */
export type Shutdown = number | "brutal-kill" | "infinity";

export const START_FROM = ["last-state", "init"] as const;
/** What a restarted child begins with: its last committed state, or its initial state through `init`. */
export type StartFrom = (typeof START_FROM)[number];

/** How long a restart waits: `min × factor^(failures in a row - 1)`, at most `max`, less a random share. */
export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** 0 to 1: up to this share of the delay is taken off at random, so that siblings do not march in step. */
  readonly jitter: number;
}

/** All of a child's policy that does not depend on which child it is. */
export interface ChildPolicy {
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  readonly significant: boolean;
  readonly startFrom: StartFrom;
  /** Null: the supervisor's. */
  readonly backoff: Backoff | null;
  /** Before the supervisor's hooks. */
  readonly on: Hooks;
}

export interface ChildSpec extends ChildPolicy {
  /** The child's name under this supervisor. */
  readonly id: string;
}

export const STRATEGIES = [
  "one-for-one",
  "one-for-all",
  "rest-for-one",
  "simple-one-for-one",
] as const;
export type Strategy = (typeof STRATEGIES)[number];

export const AUTO_SHUTDOWNS = ["never", "any-significant", "all-significant"] as const;
export type AutoShutdown = (typeof AUTO_SHUTDOWNS)[number];

export interface SupervisorSpec {
  readonly strategy: Strategy;
  /** At most this many restarts in any `periodMs`; one more and the supervisor gives up. */
  readonly intensity: number;
  readonly periodMs: number;
  readonly autoShutdown: AutoShutdown;
  readonly backoff: Backoff;
  readonly on: Hooks;
  /** The children of the manifest, in start order. */
  readonly children: readonly ChildSpec[];
  /** For children that the guest spawns. */
  readonly spawned: ChildPolicy;
}

/** Children of one supervisor, dead or alive: each is a row, and stopping them all is one plan. */
export const CHILDREN_MAX = 1_000;
/** The window holds a number for each restart in the period. */
export const INTENSITY_MAX = 1_000;
export const PERIOD_MS_MAX = 24 * 60 * 60_000;
export const SHUTDOWN_MS_MAX = 60 * 60_000;
export const BACKOFF_MS_MAX = 60 * 60_000;

/** OTP restarts at once. */
export const NO_BACKOFF: Backoff = { minMs: 0, maxMs: 0, factor: 2, jitter: 0 };

/** OTP's defaults; 5 s is its limit for workers. */
export const CHILD_DEFAULT: ChildPolicy = {
  restart: "permanent",
  shutdown: 5_000,
  significant: false,
  startFrom: "last-state",
  backoff: null,
  on: {},
};

/** OTP's defaults: one restart in five seconds. */
export const SUPERVISOR_DEFAULT: SupervisorSpec = {
  strategy: "one-for-one",
  intensity: 1,
  periodMs: 5_000,
  autoShutdown: "never",
  backoff: NO_BACKOFF,
  on: {},
  children: [],
  spawned: CHILD_DEFAULT,
};

/**
 * An actor without a `[supervisor]` table: what it spawns is never restarted and forgotten once it ended;
 * the guest's callbacks are all that happens.
 */
export const UNSUPERVISED: SupervisorSpec = {
  ...SUPERVISOR_DEFAULT,
  spawned: { ...CHILD_DEFAULT, restart: "temporary" },
};

/** A child's specification that its supervisor may not have; null where it may. OTP's rules. */
export function problemOfChild(
  { autoShutdown }: Pick<SupervisorSpec, "autoShutdown">,
  child: ChildPolicy,
): { key: "significant"; message: string } | null {
  if (!child.significant) return null;
  if (child.restart === "permanent") {
    const message =
      'a permanent child is always restarted, so it cannot be significant: make it "transient" or "temporary"';
    return { key: "significant", message };
  }
  if (autoShutdown === "never") {
    const message =
      'significant children need auto_shutdown = "any-significant" or "all-significant" in [supervisor]';
    return { key: "significant", message };
  }
  return null;
}

/** What happens after an exit: the child's hook, the supervisor's hook, or OTP's rule. */
export function ruleFor(spec: SupervisorSpec, child: ChildPolicy, kind: ExitKind): HookAction {
  const hook = child.on[kind] ?? spec.on[kind];
  if (child.restart === "temporary") return hook === "escalate" ? "escalate" : "stop";
  return hook ?? defaultRule(child.restart, kind);
}

function defaultRule(restart: "permanent" | "transient", kind: ExitKind): HookAction {
  switch (kind) {
    case "normal":
    case "shutdown":
    case "escalated": // OTP: a supervisor that gives up exits with `shutdown`, and transient rests on that
      return restart === "permanent" ? "restart" : "stop";
    case "stopped": // somebody wanted it down; restarting it would make `stop` useless
    case "component-missing": // no restart brings it back
    case "corrupted-state": // from the last state it fails again; from init it would lose data unasked
      return "stop";
    case "trap":
    case "limit":
    case "host":
    case "cut":
    case "crash-loop":
      return "restart";
  }
}
