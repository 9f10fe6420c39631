// The restart window, OTP's `intensity` in `period`. Invariant: at most `intensity` restarts are admitted
// in any span of `periodMs`, both ends included.

export interface Admission {
  readonly admitted: boolean;
  /** When restarts of the last `periodMs` were admitted, oldest first: the new one included. */
  readonly window: readonly number[];
}

/**
 * Asks for one restart now. As in OTP a restart exactly `periodMs` ago still counts. A clock that ran
 * backwards counts as one that stood still: it makes the window longer, never shorter.
 */
export function admitRestart(
  { intensity, periodMs }: { readonly intensity: number; readonly periodMs: number },
  window: readonly number[],
  nowMs: number,
): Admission {
  const now = Math.max(nowMs, window.at(-1) ?? nowMs);
  const live = window.filter((at) => at >= now - periodMs);
  if (live.length >= intensity) return { admitted: false, window: live };
  return { admitted: true, window: [...live, now] };
}
