import { el } from '/assets/dom.js';

export async function open(page) {
  page.title('jobs');
  page.place.append(el('h1', {}, 'jobs'));
}
