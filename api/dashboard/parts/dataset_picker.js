/* Which datasets: boxes with small pictures, newest first; all of one kind.
 *
 *   const picker = makeDatasetPicker(page, { datasets (a Directory), chosen: ids, changed })
 *   await picker.open(); picker.element, picker.chosen() → datasets */

import { get } from '/assets/api.js';
import { actionButton, el, problemPlace } from '/assets/dom.js';
import { Thumbnails, WIDTH } from '/assets/parts/thumbnail.js';

export function makeDatasetPicker(page, { datasets, chosen, changed }) {
  const pictures = new Thumbnails(page);
  const problem = problemPlace();
  const rows = new Map(); /* id → { dataset, box, element } */
  const list = el('div', { class: 'picker-list', role: 'group', 'aria-label': 'Datasets', tabIndex: 0 });
  const search = el('input', { type: 'search', autocomplete: 'off', maxLength: 128, oninput: () => {
    clearTimeout(timer);
    timer = setTimeout(() => again().catch((error) => error.name !== 'AbortError' && problem.say(error)), 250);
  } });
  const told = el('p', { class: 'hint', role: 'status' });
  const more = actionButton('Older datasets', problem, load);
  const element = el('div', { class: 'picker' }, el('label', {}, 'Search ', search), problem, list, more, told);
  let cursor = null;
  let turn = 0;
  let timer = null;
  page.onLeave(() => clearTimeout(timer));
  more.hidden = true;

  const picked = () => [...rows.values()].filter((r) => r.box.checked).map((r) => r.dataset);

  function add(dataset, isChosen) {
    if (rows.has(dataset.id)) return;
    const box = el('input', { type: 'checkbox', checked: isChosen, onchange: () => {
      arrange();
      changed();
    } });
    const picture = pictures.make(() => `/v1/datasets/${dataset.id}/preview?width=${WIDTH}`, dataset.kind);
    const row = el('label', { class: 'picker-one' }, box, picture, el('span', {}, dataset.name || dataset.id, el('span', { class: 'hint' }, ` ${dataset.kind}`)));
    rows.set(dataset.id, { dataset, box, element: row });
    list.append(row);
  }

  /* Those of another kind than what is picked have another task: they cannot come along. */
  function arrange() {
    const kind = picked()[0]?.kind;
    for (const { dataset, box } of rows.values()) box.disabled = Boolean(kind) && dataset.kind !== kind;
    const n = picked().length;
    told.textContent = n ? `${n} chosen.${kind && [...rows.values()].some((r) => r.box.disabled) ? ` Only datasets of kind ${kind} go with ${n === 1 ? 'it' : 'them'}.` : ''}` : 'Choose what to fit.';
  }

  /* What is chosen stays in sight, whatever is looked for. */
  async function again() {
    problem.say(null);
    for (const [id, { box, element: row }] of rows) {
      if (box.checked) continue;
      row.remove();
      rows.delete(id);
    }
    cursor = null;
    turn++;
    await load();
  }

  async function load() {
    const mine = turn;
    const query = new URLSearchParams({ limit: 50, ...(search.value.trim() ? { q: search.value.trim() } : {}), ...(cursor ? { cursor } : {}) });
    const { items, next_cursor: next } = await get(`/v1/datasets?${query}`, { signal: page.signal });
    if (mine !== turn) return;
    cursor = next;
    more.hidden = !cursor;
    for (const dataset of items) add(dataset, false); /* open() has added the chosen ones */
    arrange();
  }

  return {
    element,
    chosen: picked,
    async open() {
      const found = await Promise.all(chosen.map((id) => datasets.find(id)));
      for (const dataset of found) if (dataset) add(dataset, true);
      const gone = chosen.filter((_, i) => !found[i]);
      if (gone.length) problem.say(new Error(`There is no dataset ${gone.join(', ')}: it may have been deleted.`));
      await load();
      if (!rows.size) list.append(el('p', { class: 'hint' }, 'There is no dataset yet. ', el('a', { href: '#/' }, 'Drop a file on the start page'), ' first.'));
    },
  };
}
