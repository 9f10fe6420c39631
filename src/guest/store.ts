// `theater/guest/store`: content by its digest, and labels that point at it. One object for one store.

import * as host from "theater:simple/store";
import { type Body, Message, toBytes } from "./message.ts";

/** The digest that names content. */
export type ContentRef = string;

/** Makes a new, empty store. */
export function createStore(): Store {
  return new Store(host.new());
}

/** Every method throws what is missing, too large or not granted. */
export class Store {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  /** The same bytes always have the same reference. */
  put(content: Body): ContentRef {
    return host.store(this.id, toBytes(content)).hash;
  }

  get(ref: ContentRef): Message {
    return new Message(host.get(this.id, { hash: ref }));
  }

  has(ref: ContentRef): boolean {
    return host.exists(this.id, { hash: ref });
  }

  /** Points a label at content that the store has. */
  label(label: string, ref: ContentRef): void {
    host.replaceAtLabel(this.id, label, { hash: ref });
  }

  /** Keeps content and points a label at it. */
  putAtLabel(label: string, content: Body): ContentRef {
    return host.replaceContentAtLabel(this.id, label, toBytes(content)).hash;
  }

  /** What a label points at; null if there is no such label. */
  getLabel(label: string): ContentRef | null {
    return host.getByLabel(this.id, label)?.hash ?? null;
  }

  /** The content stays. */
  removeLabel(label: string): void {
    host.removeLabel(this.id, label);
  }

  listLabels(): string[] {
    return host.listLabels(this.id);
  }

  listContent(): ContentRef[] {
    return host.listAllContent(this.id).map(({ hash }) => hash);
  }

  /** In bytes, each content counted once. */
  totalSize(): number {
    return host.calculateTotalSize(this.id);
  }
}
