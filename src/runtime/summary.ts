// An actor as a list, an inspection or a tree shows it: read from its own storage, and so always of this moment.

import { digestText } from "../chain/cid.ts";
import type { Genesis } from "./birth/genesis.ts";
import type { CurrentVersion } from "./upgrade/version.ts";
import type { Mailbox } from "./mail/mailbox.ts";
import type { Family } from "./children/family.ts";
import { UNSUPERVISED } from "../supervision/spec.ts";
import type { ActorSummary, Branch } from "./protocol.ts";
import type { Cell } from "./record/cell.ts";
import type { Feeder } from "./record/feeder.ts";
import type { Journal } from "./record/journal.ts";

interface SummaryParts {
  genesis: Genesis;
  version: CurrentVersion;
  journal: Journal;
  cell: Cell;
  mailbox: Mailbox;
  feeder: Feeder;
}

export function summaryOf(parts: SummaryParts): ActorSummary {
  const { genesis, version, journal, cell, mailbox, feeder } = parts;
  const { component, manifest, permissions } = version.now;
  return {
    id: journal.actor,
    name: genesis.name,
    component: digestText(component),
    manifest: digestText(manifest),
    status: cell.status,
    parent: cell.get("parent") ?? null,
    handlers: Object.keys(permissions.held),
    origin: genesis.origin && { actor: genesis.origin.actor, seq: genesis.origin.seq },
    head: journal.headRef(),
    ledgerSeq: feeder.acknowledged,
    turns: journal.lastTurn(),
    mailbox: mailbox.length,
    stateBytes: cell.state?.length ?? null,
    createdMs: cell.get("createdMs") ?? 0,
  };
}

export function branchOf({
  genesis,
  cell,
  family,
}: {
  genesis: Genesis;
  cell: Cell;
  family: Family | undefined;
}): Branch {
  const { name, supervision } = genesis;
  const strategy = supervision.spec === UNSUPERVISED ? null : supervision.spec.strategy;
  return { name, status: cell.status, strategy, children: family?.children() ?? [] };
}
