// The directory of actors in D1: what lists and looks them up. It follows the actors' own storage,
// possibly late, and decides nothing: an actor's truth is its Durable Object.

import { fromBase64, fromUtf8, toBase64, toUtf8 } from "../lib/bytes.ts";
import { isActorId } from "../chain/actor-id.ts";
import { TheaterError } from "../lib/errors.ts";
import type { SiteRef } from "./protocol.ts";

/** Actors in one page of a listing. */
const DIRECTORY_PAGE_MAX = 200;

export interface DirectoryEntry {
  readonly id: string;
  readonly name: string;
  /** Bare sha2-256 digests. */
  readonly component: Uint8Array;
  readonly manifest: Uint8Array;
  readonly parent: string | null;
  readonly status: string;
  readonly createdMs: number;
  readonly headSeq: number;
  /** When its earliest timer is due, give or take LISTED_MS_SLACK; null without one. */
  readonly nextDueMs: number | null;
  readonly updatedMs: number;
  /** Its public name, if it has one, and whether it answers everybody. */
  readonly site?: string | undefined;
  readonly isPublic?: boolean;
}

export interface DirectoryQuery {
  readonly status?: string;
  readonly parent?: string;
  /** As an earlier page gave it; it means nothing to its holder. */
  readonly cursor?: string;
  /** 1 to DIRECTORY_PAGE_MAX. */
  readonly limit: number;
}

export interface DirectoryPage {
  readonly actors: DirectoryEntry[];
  /** Undefined on the last page. */
  readonly cursor: string | undefined;
}

interface Row {
  id: string;
  name: string;
  component: ArrayLike<number>;
  manifest: ArrayLike<number>;
  parent: string | null;
  status: string;
  created_ms: number;
  head_seq: number;
  next_due_ms: number | null;
  updated_ms: number;
}

const UPSERT = `
  INSERT INTO actor (id, name, component, manifest, parent, status, created_ms, head_seq, next_due_ms,
    updated_ms, site, is_public)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
  ON CONFLICT (id) DO UPDATE SET name = excluded.name, component = excluded.component,
    manifest = excluded.manifest, status = excluded.status, head_seq = excluded.head_seq,
    next_due_ms = excluded.next_due_ms, updated_ms = excluded.updated_ms, site = excluded.site,
    is_public = excluded.is_public
  WHERE excluded.updated_ms >= actor.updated_ms`;

export class Directory {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Enters an actor or brings its entry up to date. An entry older than the one there is ignored. */
  async record(entry: DirectoryEntry): Promise<void> {
    const { id, name, component, manifest, parent, status } = entry;
    const { createdMs, headSeq, nextDueMs, updatedMs, site, isPublic } = entry;
    const times = [createdMs, headSeq, nextDueMs, updatedMs];
    await this.#db
      .prepare(UPSERT)
      .bind(id, name, component, manifest, parent, status, ...times, site ?? null, isPublic ? 1 : 0)
      .run();
  }

  async get(id: string): Promise<DirectoryEntry | null> {
    const row = await this.#db.prepare("SELECT * FROM actor WHERE id = ?1").bind(id).first<Row>();
    return row === null ? null : entryOf(row);
  }

  /**
   * The actor of this public name, or of this id. Of several that have the name, it is the oldest that was not
   * stopped: a second one, or a fork, takes nothing away, and gets the name when the first is stopped.
   */
  async site(named: string): Promise<SiteRef | null> {
    const query = isActorId(named)
      ? "SELECT id, is_public FROM actor WHERE id = ?1"
      : `SELECT id, is_public FROM actor WHERE site = ?1 AND status NOT IN ('stopped', 'deleted')
         ORDER BY created_ms, id LIMIT 1`;
    const row = await this.#db
      .prepare(query)
      .bind(named)
      .first<{ id: string; is_public: number }>();
    return row === null ? null : { id: row.id, isPublic: row.is_public === 1 };
  }

  /** Newest first. Throws `bad-request` for a cursor that no page gave. */
  async list(query: DirectoryQuery): Promise<DirectoryPage> {
    const limit = Math.max(1, Math.min(query.limit, DIRECTORY_PAGE_MAX));
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const where = (condition: string, ...bound: (string | number)[]): void => {
      conditions.push(condition);
      values.push(...bound);
    };
    if (query.status !== undefined) where("status = ?", query.status);
    if (query.parent !== undefined) where("parent = ?", query.parent);
    if (query.cursor !== undefined) where("(created_ms, id) < (?, ?)", ...openCursor(query.cursor));
    const filter = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const { results } = await this.#db
      .prepare(`SELECT * FROM actor ${filter} ORDER BY created_ms DESC, id DESC LIMIT ?`)
      .bind(...values, limit + 1) // one more, to know whether there is a next page
      .all<Row>();
    const actors = results.slice(0, limit).map(entryOf);
    const last = actors.at(-1);
    const more = results.length > limit && last !== undefined;
    return { actors, cursor: more ? sealCursor(last) : undefined };
  }

  /**
   * At most `limit` actors whose timer was due before `beforeMs`, the longest overdue first. For others they
   * are due `nowMs` from then on, so that actors that stay overdue keep nobody else from being found.
   */
  async takeOverdue(due: { beforeMs: number; nowMs: number; limit: number }): Promise<string[]> {
    const { results } = await this.#db
      .prepare(
        `UPDATE actor SET next_due_ms = ?2 WHERE id IN
          (SELECT id FROM actor WHERE next_due_ms < ?1 ORDER BY next_due_ms LIMIT ?3) RETURNING id`,
      )
      .bind(due.beforeMs, due.nowMs, Math.max(1, Math.min(due.limit, DIRECTORY_PAGE_MAX)))
      .all<{ id: string }>();
    return results.map(({ id }) => id);
  }
}

function entryOf(row: Row): DirectoryEntry {
  return {
    id: row.id,
    name: row.name,
    component: Uint8Array.from(row.component),
    manifest: Uint8Array.from(row.manifest),
    parent: row.parent,
    status: row.status,
    createdMs: row.created_ms,
    headSeq: row.head_seq,
    nextDueMs: row.next_due_ms,
    updatedMs: row.updated_ms,
  };
}

function sealCursor(entry: DirectoryEntry): string {
  return toBase64(fromUtf8(`${entry.createdMs} ${entry.id}`))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function openCursor(cursor: string): [createdMs: number, id: string] {
  const bytes = fromBase64(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  const [, createdMs, id] =
    /^(\d{1,16}) ([!-~]+)$/.exec(bytes === undefined ? "" : text(bytes)) ?? [];
  if (createdMs === undefined || id === undefined) {
    throw new TheaterError("bad-request", "Use a cursor exactly as the page before gave it.");
  }
  return [Number(createdMs), id];
}

function text(bytes: Uint8Array): string {
  try {
    return toUtf8(bytes);
  } catch {
    return "";
  }
}
