/* A list of things: a table that becomes cards on phones.  Search, views and filters, sorting, older ones, several
 * selected and acted upon; all that is seen stands in the address.
 *
 * const list = new List(page, {
 *   title, path            heading; path of the service's list
 *   one, many              what things are called
 *   intro                  children beside the heading (buttons, links), or none
 *   served                 names of arguments that the service filters by, beside q; the others filter what is loaded
 *   fixed                  arguments that only an address gives ({ dataset_id: 'of one dataset' }): told, with a way out
 *   views                  { key, options: [[value, name]] }: the filter that stands as a row of links, or none
 *   filters                [{ key, name, options: [[value, name]], of: item → value }]
 *   name(item), href(item)
 *   prepare(items)         awaited before they are shown, or none
 *   picture(item), letter(item)   see thumbnail.js: the path (or a promise of it), and what stands in its place
 *   columns                [{ key, name, cell: item → text or element, value: item → number or text, by which it is sorted;
 *                          none where sorting makes no sense; isText: from A on, not from the largest }]; the first one's
 *                          cell stands under the name
 *   order(a, b), limit     where the service's own order (newest first) and 50 at a time are not it
 *   older                  text of the button that loads more
 *   actions                [{ name, past: its participle, can: item → is it for this one, question: 'n things' → text,
 *                          act: item → promise (of the item as it then is), gone: do things vanish by it }]
 *   compare(item)          the field's id, or null
 *   empty                  children shown where there is nothing at all; emptyView: also where nothing is in this view
 * });
 * await list.open(); await list.take(items) takes in newer states of things, and new things; list.rows: Map of id → { item }. */

import { del, get } from '/assets/api.js';
import { actionButton, el, problemPlace } from '/assets/dom.js';
import { address } from '/assets/page.js';
import { Thumbnails } from '/assets/parts/thumbnail.js';
import { count } from '/assets/words.js';

const MOST_COMPARED = 4;
const PAUSE = 250; /* ms after the last key before the service is asked */
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/* Things without a value stand last, whichever way. */
function compareBy(value, down) {
  return (a, b) => {
    const [x, y] = [value(a), value(b)];
    const [noX, noY] = [x, y].map((v) => v === null || v === undefined || v === '');
    if (noX || noY) return noX - noY;
    const d = typeof x === 'number' && typeof y === 'number' ? x - y : collator.compare(x, y);
    return down ? -d : d;
  };
}

export const plural = (n, kind) => `${count(n)} ${n === 1 ? kind.one : kind.many}`;

export class List {
  constructor(page, kind) {
    this.page = page;
    this.kind = kind;
    this.rows = new Map(); /* in the service's order */
    this.chosen = new Set();
    this.cursor = null;
    this.turn = 0; /* goes up when all is asked for anew */
    this.pictures = new Thumbnails(page);
    this.links = [];
    this.problem = problemPlace();
  }

  arg(key) {
    return this.page.query.get(key) ?? '';
  }

  isServed(key) {
    return key === 'q' || (this.kind.served ?? []).includes(key);
  }

  /* --- what is there --- */

  async open() {
    const { kind, page } = this;
    this.body = el('tbody', { role: 'rowgroup' });
    this.all = el('input', { type: 'checkbox', 'aria-label': `Select all ${kind.many} shown`, onchange: () => this.chooseAll(this.all.checked) });
    this.table = el('table', { class: 'list', role: 'table', 'aria-label': kind.title }, this.heading(), this.body);
    this.told = el('p', { class: 'hint', role: 'status' });
    this.more = actionButton(kind.older ?? `Older ${kind.many}`, this.problem, () => this.load());
    this.nothing = el('div', { class: 'card nothing', hidden: true });
    this.bar = el('div', { class: 'chosen card', role: 'region', 'aria-label': 'What is selected', hidden: true });
    page.place.append(
      el('div', { class: 'head' }, el('div', {}, el('h1', {}, kind.title)), el('div', { class: 'actions' }, kind.intro ?? [])),
      this.views() ?? '', this.tools(), this.problem, this.told, el('div', { class: 'scroll' }, this.table), this.nothing,
      el('p', {}, this.more), this.bar);
    this.more.hidden = true;
    page.title(kind.title);
    await this.reload();
  }

  query(cursor) {
    const { kind } = this;
    const keys = ['q', kind.views?.key, ...(kind.filters ?? []).map((f) => f.key), ...Object.keys(kind.fixed ?? {})];
    const given = keys.filter((k) => k && this.isServed(k) && this.arg(k)).map((k) => [k, this.arg(k)]);
    return new URLSearchParams([...given, ['limit', kind.limit ?? 50], ...(cursor ? [['cursor', cursor]] : [])]);
  }

  async reload() {
    this.turn++;
    this.problem.say(null);
    this.rows.clear();
    this.chosen.clear();
    this.cursor = null;
    this.table.setAttribute('aria-busy', 'true');
    await this.load().catch((error) => {
      if (error.name === 'AbortError') throw error;
      this.problem.say(error);
    });
    this.table.removeAttribute('aria-busy');
  }

  async load() {
    const mine = this.turn;
    const { items, next_cursor: next } = await get(`${this.kind.path}?${this.query(this.cursor)}`, { signal: this.page.signal });
    if (mine !== this.turn) return;
    await this.take(items);
    if (mine !== this.turn) return;
    this.cursor = next;
    this.arrange();
  }

  async take(items, { onTop = false } = {}) {
    const mine = this.turn;
    await this.kind.prepare?.(items);
    if (mine !== this.turn) return;
    const fresh = items.filter((i) => !this.rows.has(i.id));
    for (const item of items) this.rows.get(item.id)?.show(item);
    const made = fresh.map((item) => [item.id, this.makeRow(item)]);
    if (made.length) this.rows = new Map(onTop ? [...made, ...this.rows] : [...this.rows, ...made]);
    this.arrange();
  }

  /* --- rows --- */

  makeRow(item) {
    const { kind } = this;
    const box = el('input', { type: 'checkbox', 'aria-label': `Select ${kind.name(item)}`, onchange: () => this.choose(item.id, box.checked) });
    const link = el('a', { href: kind.href(item) }, kind.name(item));
    const refusal = el('p', { class: 'problem', hidden: true });
    const row = { item, box, refusal };
    const picture = this.pictures.make(() => kind.picture(row.item), kind.letter(item));
    const cells = kind.columns.slice(1).map((c) => el('td', { role: 'cell', class: `is-${c.key}`, 'data-name': c.name }));
    const under = el('div', { class: 'hint' });
    row.element = el('tr', { role: 'row', 'data-id': item.id },
      el('td', { role: 'cell', class: 'is-box' }, box),
      el('td', { role: 'cell', class: 'is-picture' }, picture),
      el('th', { role: 'rowheader', scope: 'row', class: 'is-name' }, link, under, refusal), cells);
    row.show = (newer) => {
      const seen = JSON.stringify(newer);
      if (seen === row.seen) return;
      row.seen = seen;
      row.item = newer;
      link.textContent = kind.name(newer);
      fill(under, kind.columns[0].cell(newer));
      cells.forEach((cell, i) => fill(cell, kind.columns[i + 1].cell(newer)));
    };
    row.renew = () => picture.renew();
    row.say = (text) => {
      refusal.textContent = text ?? '';
      refusal.hidden = !text;
    };
    row.show(item);
    return row;
  }

  isShown({ item }) {
    const { kind } = this;
    const held = [...(kind.filters ?? []), ...(kind.views ? [kind.views] : [])];
    return !held.some((f) => this.arg(f.key) && f.of(item) !== this.arg(f.key));
  }

  sorting() {
    const [, minus, key] = /^(-?)(.*)$/.exec(this.arg('sort'));
    const column = this.kind.columns.find((c) => c.key === key && c.value);
    return column ? { column, down: minus === '-' } : null;
  }

  /* The rows as filters and order want them; rows that stay are not made anew, so focus stays where it is. */
  arrange() {
    const { kind } = this;
    const shown = [...this.rows.values()].filter((r) => this.isShown(r));
    const sorting = this.sorting();
    const order = sorting ? compareBy(sorting.column.value, sorting.down) : kind.order;
    if (order) shown.sort((a, b) => order(a.item, b.item));
    this.shown = shown;
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    const wanted = shown.map((r) => r.element);
    if (wanted.length !== this.body.children.length || wanted.some((e, i) => e !== this.body.children[i])) {
      this.body.replaceChildren(...wanted);
      if (focused?.isConnected) focused.focus({ preventScroll: true });
    }
    for (const id of this.chosen) if (!shown.some((r) => r.item.id === id)) this.chosen.delete(id);
    this.tell();
    this.showHeading();
    this.showBar();
  }

  tell() {
    const { kind, rows, shown } = this;
    this.renewLinks();
    const isAsked = ['q', kind.emptyView ? null : kind.views?.key, ...(kind.filters ?? []).map((f) => f.key), ...Object.keys(kind.fixed ?? {})].some((k) => k && this.arg(k));
    const sorting = this.sorting();
    const parts = [];
    if (shown.length !== rows.size) parts.push(`${count(shown.length)} of the ${count(rows.size)} loaded`);
    else parts.push(plural(shown.length, kind) + (this.cursor ? ' loaded' : ''));
    if (this.cursor && shown.length !== rows.size) parts.push('older ones were not looked at');
    if (sorting) parts.push(`sorted by ${sorting.column.name.toLowerCase()}${this.cursor ? ' among those loaded' : ''}`);
    const text = `${parts.join(', ')}.`;
    if (this.told.textContent !== text) this.told.textContent = text;
    this.told.hidden = !rows.size && !isAsked;
    this.table.hidden = !shown.length;
    this.more.hidden = !this.cursor;
    this.nothing.hidden = shown.length > 0 || (Boolean(this.cursor) && !isAsked);
    this.nothing.replaceChildren(...(isAsked
      ? [el('p', {}, `No ${kind.many} ${this.arg('q') ? `match “${this.arg('q')}”` : 'here'}${this.cursor ? ' among those loaded' : ''}.`),
        el('a', { class: 'button', href: address(this.page.path) }, `Show all ${kind.many}`)]
      : kind.empty));
  }

  /* --- order --- */

  heading() {
    this.heads = this.kind.columns.map((c) => {
      if (!c.value) return { cell: el('th', { role: 'columnheader', scope: 'col' }, c.name), column: c };
      const button = el('button', { type: 'button', class: 'plain sorter', onclick: () => this.sortBy(c) }, c.name);
      return { cell: el('th', { role: 'columnheader', scope: 'col' }, button), column: c };
    });
    return el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' },
      el('th', { role: 'columnheader', class: 'is-box' }, this.all),
      el('th', { role: 'columnheader', class: 'is-picture' }, el('span', { class: 'visually-hidden' }, 'Picture')),
      this.heads.map((h) => h.cell)));
  }

  /* Numbers first from the largest; a third press gives the service's order back. */
  sortBy(column) {
    const first = column.isText ? column.key : `-${column.key}`;
    const second = column.isText ? `-${column.key}` : column.key;
    const now = this.arg('sort');
    this.page.remember({ sort: now === first ? second : now === second ? null : first });
    this.arrange();
  }

  showHeading() {
    const sorting = this.sorting();
    for (const { cell, column } of this.heads) {
      const state = sorting?.column === column ? (sorting.down ? 'descending' : 'ascending') : null;
      if (state) cell.setAttribute('aria-sort', state);
      else cell.removeAttribute('aria-sort');
    }
    if (this.sortChoice) this.sortChoice.value = this.arg('sort');
  }

  /* --- search, views, filters --- */

  views() {
    const { kind } = this;
    if (!kind.views) return null;
    const { key, name, options } = kind.views;
    return el('nav', { class: 'views', 'aria-label': name }, options.map(([value, text]) => this.link({ [key]: value, sort: null }, {
      'aria-current': this.arg(key) === value ? 'page' : null,
    }, text)));
  }

  /* A link to what is seen by then, search and filters with it, but for `changes`. */
  link(changes, props, text) {
    const link = el('a', props, text);
    this.links.push({ link, changes });
    return link;
  }

  renewLinks() {
    for (const { link, changes } of this.links) link.href = address(this.page.path, { ...Object.fromEntries(this.page.query), ...changes });
  }

  tools() {
    const { kind, page } = this;
    let timer = null;
    const search = el('input', {
      type: 'search', id: 'list-search', value: this.arg('q'), maxLength: 128, placeholder: 'name, or how an id begins', autocomplete: 'off',
      oninput: () => {
        page.remember({ q: search.value.trim() });
        this.renewLinks();
        clearTimeout(timer);
        timer = setTimeout(() => this.again(), PAUSE);
      },
    });
    page.onLeave(() => clearTimeout(timer));
    const filters = (kind.filters ?? []).map((f) => {
      const choice = el('select', { id: `list-${f.key}`, onchange: () => {
        page.remember({ [f.key]: choice.value });
        if (this.isServed(f.key)) this.again();
        else this.arrange();
      } }, el('option', { value: '' }, 'all'), f.options.map(([value, text]) => el('option', { value }, text)));
      choice.value = this.arg(f.key);
      return el('label', {}, `${f.name} `, choice);
    });
    this.sortChoice = el('select', { onchange: () => {
      page.remember({ sort: this.sortChoice.value });
      this.arrange();
    } }, el('option', { value: '' }, kind.orderName ?? 'newest first'),
    kind.columns.filter((c) => c.value).flatMap((c) => [el('option', { value: c.key }, `${c.name} ↑`), el('option', { value: `-${c.key}` }, `${c.name} ↓`)]));
    const fixed = Object.entries(kind.fixed ?? {}).filter(([k]) => this.arg(k)).map(([k, text]) => el('span', { class: 'fixed' },
      `${text} `, el('code', {}, this.arg(k)),
      this.link({ [k]: null }, { 'aria-label': `Without ${text} ${this.arg(k)}` }, ' ✕')));
    this.renewLinks();
    return el('div', { class: 'tools' }, el('label', {}, 'Search ', search), filters, el('label', { class: 'sort-choice' }, 'Sort ', this.sortChoice), fixed);
  }

  again() {
    this.reload().catch(() => {});
  }

  /* --- several at once --- */

  choose(id, on) {
    if (on) this.chosen.add(id);
    else this.chosen.delete(id);
    this.showBar();
  }

  chooseAll(on) {
    this.chosen = new Set(on ? this.shown.map((r) => r.item.id) : []);
    this.showBar();
  }

  chosenRows() {
    return this.shown.filter((r) => this.chosen.has(r.item.id));
  }

  showBar() {
    const rows = this.chosenRows();
    for (const row of this.shown) row.box.checked = this.chosen.has(row.item.id);
    this.all.checked = rows.length > 0 && rows.length === this.shown.length;
    this.all.indeterminate = rows.length > 0 && rows.length < this.shown.length;
    const look = JSON.stringify(rows.map((r) => [r.item.id, this.kind.actions.map((a) => a.can(r.item))]));
    if (look === this.barSeen || this.isActing) return;
    this.barSeen = look;
    this.bar.hidden = !rows.length;
    if (!rows.length) return;
    const actions = this.kind.actions.map((action) => {
      const able = rows.filter((r) => action.can(r.item));
      if (!able.length) return null;
      const some = able.length === rows.length ? '' : ` ${able.length}`;
      return el('button', { type: 'button', class: action.gone ? 'bad' : '', onclick: () => this.ask(action, able) }, `${action.name}${some}…`);
    });
    this.bar.replaceChildren(el('strong', {}, `${count(rows.length)} selected`), el('div', { class: 'actions' }, this.compareLink(rows) ?? '',
      ...actions.filter(Boolean), el('button', { type: 'button', class: 'plain', onclick: () => this.chooseAll(false) }, 'Clear')));
  }

  compareLink(rows) {
    const ids = this.kind.compare ? rows.map((r) => this.kind.compare(r.item)).filter(Boolean) : [];
    if (ids.length < 2) return null;
    if (ids.length > MOST_COMPARED) return el('span', { class: 'hint' }, `up to ${MOST_COMPARED} can be compared`);
    return el('a', { class: 'button', href: `#/compare?fields=${ids.join(',')}` }, `Compare ${ids.length}`);
  }

  /* The one step between a press and what it does. */
  ask(action, rows) {
    const n = plural(rows.length, this.kind);
    const keep = el('button', { type: 'button', onclick: () => {
      this.barSeen = null;
      this.showBar();
      this.bar.querySelector('button')?.focus();
    } }, 'Keep as it is');
    const go = el('button', { type: 'button', class: 'bad', onclick: () => this.act(action, rows) }, `${action.name} ${n}`);
    this.bar.replaceChildren(el('p', { id: 'list-question' }, action.question(n)), el('div', { class: 'actions' }, go, keep));
    keep.focus();
  }

  async act(action, rows) {
    this.isActing = true;
    for (const button of this.bar.querySelectorAll('button')) button.disabled = true;
    const refused = new Set();
    const waiting = [...rows];
    const work = async () => {
      for (let row = waiting.shift(); row; row = waiting.shift()) {
        row.say(null);
        try {
          const newer = await action.act(row.item);
          if (action.gone) this.rows.delete(row.item.id);
          else if (newer) row.show(newer);
        } catch (error) {
          if (error.name === 'AbortError') return;
          if (error.status === 404) this.rows.delete(row.item.id);
          else {
            refused.add(row.item.id);
            row.say(error.message);
          }
        }
      }
    };
    await Promise.all([1, 2, 3].map(work));
    this.isActing = false;
    if (this.page.signal.aborted) return;
    this.barSeen = null;
    this.chosen = refused;
    this.arrange();
    const done = rows.length - refused.size;
    this.told.hidden = false;
    this.told.textContent = [done ? `${plural(done, this.kind)} ${action.past}.` : '', refused.size ? `${plural(refused.size, this.kind)} not: the reason stands there.` : ''].join(' ').trim();
    this.body.querySelector('.problem:not([hidden])')?.scrollIntoView({ block: 'center' });
    (this.bar.hidden ? this.all : this.bar.querySelector('button')).focus({ preventScroll: true });
  }
}

function fill(place, content) {
  place.replaceChildren(...[content].flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false && c !== ''));
  place.classList.toggle('is-none', place.textContent === '–');
}

/* Deletion, as most lists have it. */
export function deletion(page, path, question, can = () => true) {
  return { name: 'Delete', past: 'deleted', gone: true, can, question, act: (item) => del(`${path}/${item.id}`, { signal: page.signal }) };
}
