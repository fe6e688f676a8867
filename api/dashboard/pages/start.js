/* The start page: the place to drop a file, the newest fits, and what this is for those who are new. */

import { el, problemPlace } from '/assets/dom.js';
import { go } from '/assets/page.js';
import { hasToken } from '/assets/session.js';
import { makeDrop } from '/assets/parts/drop.js';
import { makeFitCards } from '/assets/parts/fit_cards.js';
import { curlOfPost, curlOfUpload, makeTerminal } from '/assets/parts/terminal.js';

const SAMPLES = [
  ['picture', 'picture.png', 'coloured shapes and textures'], ['text', 'text.png', 'letters, sharp edges'],
  ['phantom', 'phantom.png', 'a head in section, for tomography'], ['phantom3d', 'phantom3d.nii.gz', 'the same as a volume'],
  ['shape', 'shape.ply', 'a closed mesh'], ['views', 'views.zip', 'a scene from many sides'], ['signal', 'signal.npy', '1/f noise on a line'],
];

function aboutIt() {
  return el('section', { 'aria-labelledby': 'about' }, el('h2', { id: 'about' }, 'What farfield does'),
    el('p', {}, 'It fits a neural field to your data: a small network that maps a place to a value, such as x and y to a colour. ',
      'A mapping of the coordinates (Fourier features, or learned grids) decides which frequencies it can learn, and how fast. ',
      'The field then answers at any place and any resolution: zoom into pictures, cut volumes, orbit scenes, export meshes.'),
    el('p', {}, 'To see why the mapping matters, move the sliders of the ', el('a', { href: '#/kernel' }, 'kernel explorer'), '.'));
}

function samples(drop) {
  const paint = async () => {
    const { makeTestCard } = await import('/assets/parts/test_card.js');
    await drop.take([await makeTestCard()]);
  };
  return el('section', { 'aria-labelledby': 'samples' }, el('h2', { id: 'samples' }, 'No data at hand?'),
    el('p', {}, el('button', { type: 'button', onclick: paint }, 'Upload a test card'), ' rings, letters and a soft sky, painted by this page.'),
    el('p', {}, 'The program makes more:'),
    el('dl', { class: 'fit-samples' }, SAMPLES.map(([name, file, what]) => el('div', {},
      el('dt', {}, el('code', {}, `farfield sample ${name} --out ${file}`)), el('dd', { class: 'hint' }, what)))));
}

function fromTerminal() {
  const terminal = makeTerminal();
  const upload = curlOfUpload('?name=picture.png', 'picture.png');
  const fit = curlOfPost('/v1/jobs', { dataset_id: 'ds_…' });
  terminal.show(`${upload}\n${fit}`);
  return el('section', { 'aria-labelledby': 'terminal' }, el('h2', { id: 'terminal' }, 'The same from a terminal'),
    hasToken() && el('p', { class: 'hint' }, 'With your token in the variable FARFIELD_TOKEN.'),
    terminal.element,
    el('p', {}, 'Everything on these pages is done by the API: ', el('a', { href: '/openapi.json', 'data-file': 'openapi.json' }, 'openapi.json'), '.'));
}

async function newest(page, place) {
  const problem = problemPlace();
  place.append(problem);
  try {
    const cards = await makeFitCards(page, { n: 6, queries: ['status=running', ''], title: (job, name) => name });
    if (cards.classList.contains('empty')) place.append(el('p', { class: 'hint' }, 'None yet. A picture takes about five seconds.'));
    else place.append(cards, el('p', {}, el('a', { href: '#/jobs' }, 'All jobs')));
  } catch (error) {
    if (error.name !== 'AbortError') problem.say(error);
  }
}

export async function open(page) {
  page.title('Start a fit');
  const fits = el('section', { 'aria-labelledby': 'newest' }, el('h2', { id: 'newest' }, 'Newest fits'));
  const drop = makeDrop(page, (dataset) => go(`datasets/${dataset.id}`));
  page.place.append(
    el('h1', { class: 'visually-hidden' }, 'Start a fit'),
    drop.element,
    fits,
    el('div', { class: 'fit-new' }, aboutIt(), samples(drop), fromTerminal()));
  await newest(page, fits);
}
