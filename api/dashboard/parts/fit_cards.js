/* The newest fits as small pictures, those under way among them brought up to date, seldom.
 *
 *   await makeFitCards(page, { n, queries, title })   an element with n cards at most
 *     queries              of GET /v1/jobs, one after the other
 *     title(job, name)     what a card is called; name: that of its dataset */

import { get, showPicture } from '/assets/api.js';
import { el } from '/assets/dom.js';
import { Directory } from '/assets/parts/directory.js';
import { lookOf, smallPicturePath } from '/assets/parts/looks.js';
import { ENDED, qualityText, settingsText, stateOf } from '/assets/words.js';

const REFRESH = 10000; /* ms, of the list */
const FIRST_PICTURE = 15; /* s between pictures of a fit under way, at first; then half of what it has trained */
const WIDTH = 200;

export async function makeFitCards(page, { n, queries, title }) {
  const list = el('ul', { class: 'fit-cards' });
  const cards = new Map(); /* job id → { element, … } */
  const datasets = new Directory('/v1/datasets', page.signal);
  const fields = new Directory('/v1/fields', page.signal, 50);
  let seen = ''; /* which jobs, and which of them have ended */

  function makeCard(job) {
    const card = {
      img: el('img', { alt: '' }), name: el('b'), note: el('span', { class: 'hint' }), settings: el('span', { class: 'hint' }),
      quality: el('span', { class: 'fit-quality' }), bar: el('progress', { max: 1, 'aria-label': 'Done' }), pictured: -Infinity, final: false, isAsking: false,
    };
    card.element = el('li', {}, el('a', { href: `#/jobs/${job.id}` },
      el('span', { class: 'fit-thumb' }, card.img), el('span', { class: 'fit-line' }, card.name, card.quality), card.settings, card.note, card.bar));
    card.img.hidden = true;
    card.img.addEventListener('load', () => (card.img.hidden = false));
    return card;
  }

  /* The field as it was shown last; one in training changes, one that has ended may have been deleted. */
  async function fieldPath(job) {
    if (job.status === 'queued') return null;
    const field = await (ENDED.has(job.status) ? fields.find(job.field_id) : get(`/v1/fields/${job.field_id}`, { signal: page.signal }));
    return field?.step ? smallPicturePath(field.id, lookOf(job.task, field.n_inputs), WIDTH, `${field.state}-${field.step}`) : null;
  }

  /* A field's picture where one GET gives it; else that of the data. */
  async function paint(card, job, dataset) {
    const path = await fieldPath(job) ?? (dataset && `/v1/datasets/${dataset.id}/preview?width=${WIDTH}`);
    if (path && path !== card.path) await showPicture(card.img, path, { signal: page.signal });
    card.path = path;
  }

  /* The last one is asked for until it has come or is refused for good. */
  async function picture(card, job, dataset) {
    const isFinal = ENDED.has(job.status);
    const trained = job.started_at ? (Date.now() - Date.parse(job.started_at)) / 1000 : 0;
    if (card.final || card.isAsking || (!isFinal && trained - card.pictured < Math.max(FIRST_PICTURE, card.pictured / 2))) return;
    card.pictured = trained;
    card.isAsking = true;
    try {
      await paint(card, job, dataset);
      card.final = isFinal;
    } catch (error) {
      card.final = isFinal && error.status >= 400 && error.status < 500 && error.status !== 429;
    } finally {
      card.isAsking = false;
    }
  }

  async function fill(card, job) {
    const dataset = await datasets.find(job.dataset_id);
    if (page.signal.aborted) return;
    card.name.textContent = title(job, dataset?.name || `deleted …${job.dataset_id.slice(-6)}`);
    card.settings.textContent = settingsText(job.spec);
    card.note.textContent = stateOf(job);
    card.quality.textContent = qualityText(job.metrics);
    card.bar.hidden = ENDED.has(job.status);
    card.bar.value = job.progress ?? 0;
    await picture(card, job, dataset);
  }

  async function refresh() {
    const lists = await Promise.all(queries.map((q) => get(`/v1/jobs?limit=${n}&${q}`, { signal: page.signal })));
    const items = [...new Map(lists.flatMap((l) => l.items).map((job) => [job.id, job])).values()].slice(0, n);
    const now = items.map((job) => job.id + ENDED.has(job.status)).join();
    if (now !== seen) [datasets, fields].forEach((d) => d.forget());
    seen = now;
    for (const id of cards.keys()) if (!items.some((job) => job.id === id)) cards.delete(id);
    for (const job of items) if (!cards.has(job.id)) cards.set(job.id, makeCard(job));
    const elements = items.map((job) => cards.get(job.id).element);
    if (elements.some((e, i) => list.children[i] !== e) || list.children.length !== elements.length) list.replaceChildren(...elements);
    for (const job of items) fill(cards.get(job.id), job).catch(() => {});
    return items.length;
  }

  const found = await refresh();
  page.every(REFRESH, refresh);
  list.classList.toggle('empty', found === 0);
  return list;
}
