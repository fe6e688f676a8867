/* Browsers take only so many new addresses in a time (one of them 100 in half a minute): some at once, then one in WRITE_MS,
 * and always the last. */
const WRITE_BURST = 20;
const WRITE_MS = 400;

/* A page that is open: its place, what its address says, and everything that ends when it is left.
 *
 *   page.place       the element it fills
 *   page.id          of the thing it shows, or null
 *   page.query       URLSearchParams of its address
 *   page.signal      aborted when the page is left: give it to every request
 *   page.title(t)    the name of the window
 *   page.remember({key: value})  puts the view into the address, so that a copied link comes back to it
 *   page.every(ms, f)            calls f again and again, never twice at once, not while the window is hidden
 *   page.onLeave(f)
 */
export class Page {
  constructor(place, { path, id, query }) {
    this.place = place;
    this.path = path;
    this.id = id;
    this.query = query;
    this.hash = location.hash;
    this.writes = WRITE_BURST;
    this.wroteAt = performance.now();
    this.ending = new AbortController();
    this.signal = this.ending.signal;
  }

  title(text) {
    document.title = text ? `${text} – farfield` : 'farfield';
  }

  /* null takes a key away. */
  remember(changes) {
    for (const [key, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === '') this.query.delete(key);
      else this.query.set(key, String(value));
    }
    this.isUnwritten = true;
    if (!this.writing) this.writeAddress();
  }

  writeAddress() {
    this.writing = null;
    if (!this.isUnwritten || this.signal.aborted || location.hash !== this.hash) return; /* somebody is on the way to another */
    const now = performance.now();
    this.writes = Math.min(WRITE_BURST, this.writes + (now - this.wroteAt) / WRITE_MS);
    this.wroteAt = now;
    if (this.writes < 1) {
      this.writing = setTimeout(() => this.writeAddress(), WRITE_MS);
      return;
    }
    this.writes--;
    this.isUnwritten = false;
    const text = this.query.toString();
    history.replaceState(null, '', `#/${this.path}${text ? `?${text}` : ''}`);
    this.hash = location.hash;
  }

  every(ms, f) {
    let timer = null;
    const run = async () => {
      timer = null;
      if (!document.hidden) await Promise.resolve(f()).catch(() => {});
      if (!this.signal.aborted && timer === null) timer = setTimeout(run, ms);
    };
    const wake = () => {
      if (document.hidden || timer === null) return;
      clearTimeout(timer);
      run();
    };
    document.addEventListener('visibilitychange', wake, { signal: this.signal });
    timer = setTimeout(run, ms);
    this.onLeave(() => clearTimeout(timer));
  }

  onLeave(f) {
    this.signal.addEventListener('abort', f, { once: true });
  }

  leave() {
    this.ending.abort();
  }
}

/* "#/fields/fld_1?x=3" → { path: 'fields/fld_1', name: 'fields', id: 'fld_1', query } */
export function readAddress(hash) {
  const [, path, query] = /^#?\/?([^?]*)\??(.*)$/s.exec(hash);
  const [name, id = null] = path.split('/');
  return { path, name, id: id || null, query: new URLSearchParams(query) };
}

/* #/path?key=value */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, v]) => v !== null && v !== undefined && v !== '');
  const text = new URLSearchParams(given).toString();
  return `#/${path}${text ? `?${text}` : ''}`;
}

export function go(path, query) {
  location.hash = address(path, query);
}
