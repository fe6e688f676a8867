import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('field');
  page.place.append(el('h1', {}, 'field'));
}
