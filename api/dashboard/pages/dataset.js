import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('dataset');
  page.place.append(el('h1', {}, 'dataset'));
}
