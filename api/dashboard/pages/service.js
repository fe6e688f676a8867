import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('service');
  page.place.append(el('h1', {}, 'service'));
}
