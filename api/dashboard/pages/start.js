import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('start');
  page.place.append(el('h1', {}, 'start'));
}
