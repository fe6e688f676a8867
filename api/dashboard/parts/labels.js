/* Words of the user's own on a job: name and text, as many as there are rows.
 *
 *   const labels = makeLabels(changed)   labels.element, labels.value(), labels.fill({ name: text }), labels.say(errors) */

import { el } from '/assets/dom.js';

export function makeLabels(changed) {
  const list = el('div', { class: 'fit-labels' });
  const problem = el('p', { class: 'fit-wrong', role: 'alert', hidden: true });

  function addRow(name = '', text = '') {
    const input = (label, value) => el('input', { type: 'text', value, placeholder: label.toLowerCase(), 'aria-label': label, autocomplete: 'off', oninput: changed });
    const row = el('div', { class: 'fit-label' }, input('Label name', name), input('Label text', text),
      el('button', { type: 'button', class: 'plain', 'aria-label': `Take this label away`, onclick: () => { row.remove(); changed(); } }, '✕'));
    list.append(row);
    return row;
  }

  const add = el('button', { type: 'button', onclick: () => addRow().querySelector('input').focus() }, 'Add a label');
  return {
    element: el('details', { class: 'fit-group card' }, el('summary', {}, 'Labels'),
      el('p', { class: 'hint' }, 'Words of your own to find the job by, such as series: kodak.'), list, problem, add),
    value() {
      const rows = [...list.children].map((row) => [...row.querySelectorAll('input')].map((i) => i.value.trim()));
      return Object.fromEntries(rows.filter(([name, text]) => name || text));
    },
    fill(labels) {
      for (const [name, text] of Object.entries(labels)) addRow(name, String(text));
      if (list.childElementCount) list.closest('details').open = true;
    },
    say(errors) {
      const mine = errors.filter((e) => e.pointer.startsWith('/labels'));
      problem.textContent = mine.map((e) => e.detail).join('\n');
      problem.hidden = !mine.length;
      if (mine.length) list.closest('details').open = true;
      return errors.filter((e) => !mine.includes(e));
    },
  };
}
