import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('sweep');
  page.place.append(el('h1', {}, 'sweep'));
}
