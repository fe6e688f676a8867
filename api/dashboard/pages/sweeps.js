import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('sweeps');
  page.place.append(el('h1', {}, 'sweeps'));
}
