/* A dataset: what the service understood of it, the fits it has, and the form that starts another (the address of which
 * stands in parts/fit_form.js). */

import { del, get, showPicture } from '/assets/api.js';
import { el, facts, problemPlace } from '/assets/dom.js';
import { go } from '/assets/page.js';
import { moment } from '/assets/words.js';
import { confirmButton } from '/assets/parts/confirm.js';
import { datasetFacts, kindName } from '/assets/parts/dataset_facts.js';
import { makeFitCards } from '/assets/parts/fit_cards.js';
import { makeFitForm } from '/assets/parts/fit_form.js';

const PREVIEW = 720; /* pixels */
const PREVIEWS = {
  volume: 'The middle plane across z.', shape: 'The mesh, lit.', views: 'Some of the views.', sinogram: 'The projections, angles downwards.',
  kspace: 'Magnitudes of the frequencies, logarithmic, 0 in the middle.',
};

function preview(page, dataset) {
  const img = el('img', { alt: `Preview of ${dataset.name || kindName(dataset.kind)}`, hidden: true });
  img.addEventListener('load', () => {
    img.hidden = false;
    img.classList.toggle('coarse', img.naturalWidth < img.clientWidth);
  });
  const words = el('figcaption', {}, PREVIEWS[dataset.kind] ?? '');
  showPicture(img, `/v1/datasets/${dataset.id}/preview?width=${PREVIEW}`, { signal: page.signal }).catch((error) => {
    if (error.name !== 'AbortError') words.textContent = `There is no preview: ${error.message}`;
  });
  return el('figure', { class: 'fit-preview' }, el('div', { class: 'stage' }, img), words);
}

function deletion(dataset, problem) {
  const act = async () => {
    await del(`/v1/datasets/${dataset.id}`);
    go('datasets');
  };
  return confirmButton({ text: 'Delete …', question: 'Its fields stay.', yes: 'Delete it for good', act, problem });
}

async function showFits(page, dataset, place) {
  const cards = await makeFitCards(page, { n: 12, queries: [`dataset_id=${dataset.id}`], title: (job) => `${job.task}, ${job.spec.preset}` });
  place.append(cards.classList.contains('empty') ? el('p', { class: 'hint' }, 'None yet.') : cards);
}

export async function open(page) {
  const dataset = await get(`/v1/datasets/${page.id}`, { signal: page.signal });
  const name = dataset.name || dataset.id;
  page.title(name);
  const problem = problemPlace();
  const fits = el('section', { class: 'fit-others' }, el('h2', {}, 'Its fits'));
  const place = el('div', { class: 'fit-place' }, el('p', { class: 'hint' }, 'Loading the settings …'));
  page.place.append(
    el('div', { class: 'head' },
      el('div', {}, el('h1', {}, name), el('p', { class: 'sub' }, `${kindName(dataset.kind)}, uploaded ${moment(dataset.created_at)}`)),
      el('div', { class: 'actions' },
        el('a', { class: 'button', href: `/v1/datasets/${dataset.id}/content`, download: name, 'data-file': name }, 'Download'),
        deletion(dataset, problem))),
    problem,
    el('div', { class: 'fit-dataset' },
      el('div', { class: 'fit-data' },
        preview(page, dataset),
        dataset.info.warnings.map((w) => el('p', { class: 'warning' }, w)),
        facts(datasetFacts(dataset), 'facts')),
      place, fits));
  const ignoreLeft = (error) => error.name !== 'AbortError' && problem.say(error);
  showFits(page, dataset, fits).catch(ignoreLeft);
  const [api, presets] = await Promise.all(['/openapi.json', '/v1/presets'].map((p) => get(p, { signal: page.signal })));
  place.replaceChildren(makeFitForm(page, dataset, api, presets.items));
}
