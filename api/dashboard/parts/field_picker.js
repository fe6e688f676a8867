/* Which fields are compared: those of one dataset, by a list.
 *
 *   makeFieldPicker({ fields, datasets, chosen, onCompare })    chosen: ids; onCompare(ids) */

import { el } from '/assets/dom.js';
import { qualityText } from '/assets/words.js';
import { settingsOf } from '/assets/parts/differences.js';

export const MOST = 4;

export function makeFieldPicker({ fields, datasets, chosen, onCompare }) {
  const byDataset = Map.groupBy ? Map.groupBy(fields, (f) => f.dataset_id) : fields.reduce((m, f) => m.set(f.dataset_id, [...(m.get(f.dataset_id) ?? []), f]), new Map());
  if (!fields.length) return el('p', { class: 'hint' }, 'There is no picture or volume field yet.');
  const nameOf = (id) => datasets.find((d) => d.id === id)?.name || 'a dataset that is gone';
  const picked = new Set(chosen);
  const list = el('div', { class: 'pick-list' });
  const start = el('button', { type: 'button', class: 'main', onclick: () => onCompare([...picked]) }, 'Compare these');
  const select = el('select', { onchange: () => {
    picked.clear();
    fill();
  } }, [...byDataset].map(([id, its]) => el('option', { value: id }, `${nameOf(id)}, ${its.length} ${its.length === 1 ? 'field' : 'fields'}`)));
  select.value = fields.find((f) => picked.has(f.id))?.dataset_id ?? [...byDataset].sort((a, b) => b[1].length - a[1].length)[0][0];

  function mark() {
    for (const box of list.querySelectorAll('input')) box.disabled = !box.checked && picked.size >= MOST;
    start.disabled = picked.size === 0;
  }

  function fill() {
    const its = byDataset.get(select.value);
    const settings = settingsOf(its);
    list.replaceChildren(...its.map((field, i) => el('label', { class: 'pick' },
      el('input', { type: 'checkbox', checked: picked.has(field.id), onchange: (e) => {
        if (e.target.checked) picked.add(field.id);
        else picked.delete(field.id);
        mark();
      } }),
      el('span', {}, settings[i].map(([text, differs], k) => [k ? ', ' : '', differs ? el('strong', {}, text) : text])),
      el('span', { class: 'mono' }, qualityText(field.metrics)))));
    mark();
  }
  fill();
  return el('div', {}, el('div', { class: 'actions' }, el('label', {}, 'Dataset ', select), start, el('span', { class: 'hint' }, `Up to ${MOST}.`)), list);
}
