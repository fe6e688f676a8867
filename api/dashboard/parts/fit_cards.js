/* The newest fits as small pictures, those under way among them brought up to date, seldom.
 *
 *   await makeFitCards(page, query)   an element; query: of GET /v1/jobs */

import { get, showPicture } from '/assets/api.js';
import { el } from '/assets/dom.js';
import { lookOfJob, smallPicturePath } from '/assets/parts/looks.js';
import { ENDED, qualityText, settingsText, stateOf } from '/assets/words.js';

const REFRESH = 10000; /* ms, of the list */
const FIRST_PICTURE = 15; /* s between pictures of a fit under way, at first; then half of what it has trained */
const WIDTH = 200;

export async function makeFitCards(page, query) {
  const list = el('ul', { class: 'fit-cards' });
  const cards = new Map(); /* job id → { element, … } */
  const datasets = new Map();

  function learnDataset(id) {
    if (!datasets.has(id)) datasets.set(id, get(`/v1/datasets/${id}`, { signal: page.signal }).catch(() => null));
    return datasets.get(id);
  }

  function makeCard(job) {
    const card = {
      img: el('img', { alt: '' }), name: el('b'), note: el('span', { class: 'hint' }), settings: el('span', { class: 'hint' }),
      quality: el('span', { class: 'fit-quality' }), bar: el('progress', { max: 1, 'aria-label': 'Done' }), pictured: -Infinity, final: false,
    };
    card.element = el('li', {}, el('a', { href: `#/jobs/${job.id}` },
      el('span', { class: 'fit-thumb' }, card.img), el('span', { class: 'fit-line' }, card.name, card.quality), card.settings, card.note, card.bar));
    card.img.hidden = true;
    card.img.addEventListener('load', () => (card.img.hidden = false));
    return card;
  }

  /* A field's picture where one GET gives it; else that of the data. */
  async function picture(card, job, dataset) {
    const isFinal = ENDED.has(job.status);
    const trained = job.started_at ? (Date.now() - Date.parse(job.started_at)) / 1000 : 0;
    if (card.final || (!isFinal && trained - card.pictured < Math.max(FIRST_PICTURE, card.pictured / 2))) return;
    card.pictured = trained;
    card.final = isFinal;
    const look = dataset && lookOfJob(job, dataset);
    const ofField = look && job.status !== 'queued' && job.status !== 'failed' ? smallPicturePath(job.field_id, look, WIDTH, isFinal ? 'final' : job.step) : null;
    const paths = [ofField, dataset && `/v1/datasets/${dataset.id}/preview?width=${WIDTH}`].filter(Boolean);
    for (const path of paths) {
      try {
        return await showPicture(card.img, path, { signal: page.signal });
      } catch {
        /* no snapshot yet, or no field: the data's own picture stands for it */
      }
    }
  }

  async function fill(card, job) {
    const dataset = await learnDataset(job.dataset_id);
    if (page.signal.aborted) return;
    card.name.textContent = dataset?.name || job.dataset_id;
    card.settings.textContent = settingsText(job.spec);
    card.note.textContent = stateOf(job);
    card.quality.textContent = qualityText(job.metrics);
    card.bar.hidden = ENDED.has(job.status);
    card.bar.value = job.progress ?? 0;
    await picture(card, job, dataset);
  }

  async function refresh() {
    const { items } = await get(`/v1/jobs?${query}`, { signal: page.signal });
    for (const job of items) if (!cards.has(job.id)) cards.set(job.id, makeCard(job));
    const elements = items.map((job) => cards.get(job.id).element);
    if (elements.some((e, i) => list.children[i] !== e) || list.children.length !== elements.length) list.replaceChildren(...elements);
    for (const job of items) fill(cards.get(job.id), job).catch(() => {});
    return items.length;
  }

  const n = await refresh();
  page.every(REFRESH, refresh);
  list.classList.toggle('empty', n === 0);
  return list;
}
