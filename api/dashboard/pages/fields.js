import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('fields');
  page.place.append(el('h1', {}, 'fields'));
}
