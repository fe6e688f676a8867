import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('job');
  page.place.append(el('h1', {}, 'job'));
}
