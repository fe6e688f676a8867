/* A button whose deed is asked about once, in its own place.
 *
 *   confirmButton({ text, question, yes, act, problem, bad })   act(): a promise; problem: a problemPlace() */

import { actionButton, el } from '/assets/dom.js';

export function confirmButton({ text, question, yes, act, problem, bad = true }) {
  const place = el('span', { class: 'confirm' });
  const ask = el('button', { type: 'button', class: bad ? 'bad' : '', onclick: () => show(true) }, text);
  const keep = el('button', { type: 'button', onclick: () => show(false) }, 'Keep as it is');
  const go = actionButton(yes, problem, async () => {
    const hadFocus = hasFocus(); /* a disabled button loses it */
    await act();
    show(false, hadFocus);
  }, { class: 'bad' });

  const hasFocus = () => place.contains(document.activeElement);

  function show(asking, hadFocus = hasFocus()) {
    place.replaceChildren(...(asking ? [el('span', { role: 'status' }, question), go, keep] : [ask]));
    if (hadFocus) (asking ? keep : ask).focus();
  }

  show(false);
  return place;
}
