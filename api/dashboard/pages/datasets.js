import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('datasets');
  page.place.append(el('h1', {}, 'datasets'));
}
