import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('kernel');
  page.place.append(el('h1', {}, 'kernel'));
}
