/* Things of the service by their ids.  Lists come newest first and ids sort by time, so a walk down the pages that has
 * passed an id without meeting it knows that the thing is gone, and nobody has to ask for it and be told 404. */

import { get } from '/assets/api.js';

const MOST_PAGES = 20;

/* path: of a list, as '/v1/datasets'. */
export class Directory {
  constructor(path, signal, limit = 100) {
    this.path = path;
    this.signal = signal;
    this.limit = limit;
    this.walk = Promise.resolve();
    this.askedAnew = new Set(); /* ids newer than the first page: that is read again once for each */
    this.forget();
  }

  /* What was read is out of date. */
  forget() {
    this.known = new Map();
    this.cursor = '';
    this.newest = null; /* id that the walk began at */
    this.oldest = null; /* id that it has come to */
    this.pages = 0;
  }

  /* The thing, or null where it is gone, or so far back that it is not looked for. */
  async find(id) {
    if (!id) return null;
    const look = this.walk.then(() => this.walkTo(id));
    this.walk = look.catch(() => {}); /* the next one tries again */
    return look;
  }

  async walkTo(id) {
    if (this.newest !== null && id > this.newest && !this.askedAnew.has(id)) {
      this.askedAnew.add(id);
      this.forget();
    }
    const { known } = this;
    while (known === this.known && !known.has(id) && this.cursor !== null && this.pages < MOST_PAGES
      && (this.oldest === null || id < this.oldest)) await this.readPage();
    return known.get(id) ?? null;
  }

  async readPage() {
    const { known } = this;
    const cursor = this.cursor ? `&cursor=${encodeURIComponent(this.cursor)}` : '';
    const { items, next_cursor: next } = await get(`${this.path}?limit=${this.limit}${cursor}`, { signal: this.signal });
    if (known !== this.known) return;
    for (const item of items) known.set(item.id, item);
    this.newest ??= items[0]?.id ?? '';
    this.oldest = items[items.length - 1]?.id ?? '';
    this.cursor = next;
    this.pages++;
  }
}

/* What datasets are called: `await names.learn(ids)`, then names.of(id). */
export class Names {
  constructor(datasets) {
    this.datasets = datasets;
    this.known = new Map();
  }

  async learn(ids) {
    const fresh = [...new Set(ids)].filter((id) => !this.known.has(id));
    const found = await Promise.all(fresh.map((id) => this.datasets.find(id)));
    fresh.forEach((id, i) => this.known.set(id, found[i]?.name || found[i]?.kind || `deleted …${id.slice(-6)}`));
  }

  of(id) {
    return this.known.get(id) ?? `…${id.slice(-6)}`;
  }
}

/* An id begins with the milliseconds of its making, ten digits of Crockford's base 32. */
export function timeOf(id) {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  const ms = [.../_(.{10})/.exec(id)[1]].reduce((sum, c) => sum * 32 + digits.indexOf(c), 0);
  return new Date(ms).toISOString();
}
