/* A field, looked into: #/fields/ID.  The head, the viewer that suits the field, and beside it the value at the
 * point, the code that asks for the same, the downloads.
 *
 * A viewer is a module of views/ with one function:
 *
 *   openView(place, { field, dataset, page, tell }) → view   (or a promise of one)
 *     place      an element to fill (controls and all; the part that shows pixels has the class "stage")
 *     field      as GET /v1/fields/{id} answers; it has a snapshot
 *     dataset    as GET /v1/datasets/{id} answers, or null where it was deleted
 *     page       for page.signal, page.query (what the permalink says) and page.remember()
 *     tell       tell({ point, value, note, request }) when a point is looked at (point: in source coordinates, or
 *                null; value: the numbers there, or null while they are asked for; note: words on it, say the
 *                original's value) and when what is seen has changed (request); what is left out stays as it was
 *   view.state()   { request, downloads }: the request that gives what is seen, { method, path, body } (method GET and
 *                  no body where left out), and files of what is seen: [{ text, file, request }]; such a request may
 *                  have `accept`, the type that is wanted
 *   view.update(field)   there are newer weights (a field in training): show them
 *   view.close()   its libraries, timers and observers end */

import { del, get } from '/assets/api.js';
import { actionButton, el, facts, problemPlace } from '/assets/dom.js';
import { address, go } from '/assets/page.js';
import { count, decibels, number, settingsText } from '/assets/words.js';
import { makeCopyAs } from '/assets/parts/copy_as.js';
import { makeDownloads } from '/assets/parts/downloads.js';
import { follow } from '/assets/parts/follow.js';
import { lookOfField } from '/assets/parts/looks.js';
import { unitOf } from '/assets/views/planes.js';

const VIEWERS = { picture: 'picture', signal: 'signal', volume: 'volume', space: 'orbit' };
const SAMPLES = { picture: 'pixels', signal: 'samples', volume: 'voxels' };

const NAMES = { psnr: 'PSNR', test_psnr: 'Test PSNR', ssim: 'SSIM', loss: 'Loss', iou_uniform: 'IoU', iou_boundary: 'IoU at the surface',
  baseline_psnr: 'PSNR of the classic way', residual: 'Residual', distance_error: 'Error of the distance', mse: 'MSE', test_mse: 'Test MSE' };

const metricText = (key, value) => (key.endsWith('psnr') ? decibels(value) : number(value));

/* --- the panel --- */

const colourOf = (value) => {
  const byte = (v) => Math.round(Math.min(Math.max(v, 0), 1) * 255);
  const [r, g, b] = value.length < 3 ? [value[0], value[0], value[0]] : value;
  return `rgb(${byte(r)} ${byte(g)} ${byte(b)})`;
};

/* Where a point is and what the field says there. */
function makePointPanel(look) {
  const swatch = el('span', { class: 'swatch', hidden: true });
  const words = el('div', { class: 'point-words' }, el('p', { class: 'hint' }, 'Point at the view, or move in it by the keys, to read a value.'));
  const note = el('p', { class: 'hint', hidden: true });
  const element = el('section', { class: 'card', 'aria-label': 'Value at the point' }, el('h2', {}, 'At the point'), el('div', { class: 'point' }, swatch, words), note);
  const list = (numbers, digits) => numbers.map((v) => number(v, digits)).join(', ');
  return {
    element,
    show(field, { point, value, note: said }) {
      if (!point) return;
      const { axes, units } = field.domain;
      words.replaceChildren(facts([
        [`${axes.join(', ')} (${units})`, list(point, 6)],
        ['unit', list(unitOf(field.domain, point), 5)],
        ['value', el('output', { class: 'mono', 'data-value': value ? JSON.stringify(value) : '' }, value ? list(value, 5) : '…')],
      ], 'facts'));
      note.textContent = said ?? '';
      note.hidden = !said;
      swatch.hidden = !value || look === 'signal' || look === 'space';
      if (value) swatch.style.backgroundColor = colourOf(value);
    },
  };
}

/* A second press is asked for. */
function makeDeletion(field, problem) {
  const ask = el('button', { type: 'button', class: 'bad', onclick: () => turn(true) }, 'Delete this field…');
  const yes = actionButton('Delete it for good', problem, async () => {
    await del(`/v1/fields/${field.id}`);
    go('fields');
  }, { class: 'bad' });
  const no = el('button', { type: 'button', onclick: () => turn(false) }, 'Keep it');
  const turn = (asked) => {
    ask.hidden = asked;
    yes.hidden = no.hidden = !asked;
    (asked ? no : ask).focus();
  };
  yes.hidden = no.hidden = true;
  return el('div', { class: 'actions' }, ask, yes, no);
}

/* --- the page --- */

function headOf(field, dataset) {
  const name = dataset?.name || 'A field whose dataset is gone';
  const state = el('span', { class: 'tag', role: 'status' });
  const metrics = el('div');
  const show = (f) => {
    state.textContent = f.state === 'training' ? `in training, step ${count(f.step)}; this page follows it` : `final, ${count(f.step)} steps`;
    metrics.replaceChildren(facts([
      ...Object.entries(NAMES).filter(([key]) => f.metrics[key] !== undefined).slice(0, 4).map(([key, words]) => [words, metricText(key, f.metrics[key])]),
      ['Parameters', count(f.n_parameters)],
      ['Data', f.domain && SAMPLES[lookOfField(f)] ? `${[...f.domain.shape].reverse().join(' × ')} ${SAMPLES[lookOfField(f)]}` : null],
    ]));
  };
  show(field);
  const compare = lookOfField(field) === 'picture' && el('a', { class: 'button', href: address('compare', { fields: field.id }) }, 'Compare');
  const element = el('div', {},
    el('div', { class: 'head' },
      el('div', {}, el('h1', {}, name), el('p', { class: 'sub' }, `${field.task} · ${settingsText(field.spec)} · `, state)),
      el('div', { class: 'actions' },
        field.links.job && el('a', { class: 'button', href: address(`jobs/${field.job_id}`) }, 'How it learned'),
        dataset && el('a', { class: 'button', href: address(`datasets/${dataset.id}`) }, 'The dataset'), compare)),
    metrics);
  return { element, show };
}

const absentIsNull = (error) => {
  if (error.status === 404) return null;
  throw error;
};

export async function open(page) {
  const options = { signal: page.signal };
  page.title('Field');
  let field = await get(`/v1/fields/${page.id}`, options);
  const dataset = await get(`/v1/datasets/${field.dataset_id}`, options).catch(absentIsNull);
  const look = lookOfField(field);
  page.title(dataset?.name ?? 'Field');

  const problem = problemPlace();
  const head = headOf(field, dataset);
  const place = el('div', { class: 'viewer' });
  const panel = el('div', { class: 'panel' });
  page.place.append(head.element, problem, el('div', { class: 'split' }, place, panel));

  const point = makePointPanel(look);
  const copyAs = makeCopyAs({ id: field.id });
  const downloads = makeDownloads({ field, look, dataset, problem, signal: page.signal });
  panel.append(point.element, copyAs.element, downloads.element, makeDeletion(field, problem));

  let view = null;
  let seen = { point: null, value: null };
  const tell = (news) => {
    if (page.signal.aborted) return;
    seen = { ...seen, ...news };
    if (news.point !== undefined || news.value !== undefined) {
      point.show(field, seen);
      copyAs.point(seen.point);
    }
    if (news.request) {
      copyAs.view(news.request);
      if (view) downloads.show(view.state().downloads ?? []);
    }
  };

  async function openViewer() {
    if (field.bytes === null) {
      place.replaceChildren(el('p', { class: 'hint card' }, 'The fit has no snapshot yet: there is something to see after its first one.'));
      return;
    }
    place.replaceChildren();
    const { openView } = await import(`/assets/views/${VIEWERS[look]}.js`);
    view = await openView(place, { field, dataset, page, tell });
    if (page.signal.aborted) return view.close();
    page.onLeave(() => view.close());
    const state = view.state();
    copyAs.view(state.request);
    downloads.show(state.downloads ?? []);
  }

  if (field.state === 'training') {
    follow(page, field, async (newer) => {
      if (!newer) {
        problem.say(new Error('The fit ended without a snapshot, so there is no field.'));
        return;
      }
      field = newer;
      head.show(newer);
      if (view) await view.update?.(newer);
      else await openViewer();
    });
  }
  await openViewer();
}
