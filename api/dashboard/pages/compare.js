import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('compare');
  page.place.append(el('h1', {}, 'compare'));
}
