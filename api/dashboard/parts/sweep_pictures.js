/* The settings of a sweep as pictures: the ends of an axis and the best between them, all at one region that is chosen
 * on a small map of the data.
 *
 *   const pictures = makePictures(page, problem)
 *   pictures.element, await pictures.draw(sweep, pointer)   pointer: the axis, or null where all cells are told apart */

import { fetchBytes, get, showPicture } from '/assets/api.js';
import { el } from '/assets/dom.js';
import { address } from '/assets/page.js';
import { lookOf, smallPicturePath } from '/assets/parts/looks.js';
import { makeRegion } from '/assets/parts/region.js';
import { settingName, valueText } from '/assets/parts/setting.js';
import { makeSignals } from '/assets/parts/sweep_signals.js';
import { groups, mainMetric } from '/assets/parts/sweep_plot.js';
import { cellName, metricName, metricText, unitOf } from '/assets/parts/sweep_table.js';
import { defaultCamera, toRequest } from '/assets/views/camera.js';
import { ENDED } from '/assets/words.js';

const WIDTH = 384;
const STILL = 192; /* what a camera sees costs more */
const MOST = 4;

/* Which cells are worth a look: smallest, best, largest of an axis (the middle where the best is an end); or all. */
export function chooseCells(sweep, pointer) {
  if (!pointer) {
    if (sweep.cells.length <= MOST) return sweep.cells.map((cell) => ({ cell, role: '' }));
    const rest = sweep.cells.filter((c, i) => i !== sweep.best);
    return [...(sweep.best === null ? [] : [{ cell: sweep.cells[sweep.best], role: 'best' }]), ...rest.map((cell) => ({ cell, role: '' }))].slice(0, MOST);
  }
  const all = groups(sweep, pointer);
  const best = sweep.best === null ? null : sweep.cells[sweep.best];
  const { cells } = all.find((g) => g.cells.includes(best)) ?? all[0];
  const row = [...cells].sort((a, b) => a.setting[pointer] - b.setting[pointer]);
  const [low, high] = [row[0], row[row.length - 1]];
  const between = best && best !== low && best !== high ? best : row[Math.floor(row.length / 2)];
  const name = (cell, text) => ({ cell, role: cell === best ? `${text}, best` : text });
  return [name(low, 'smallest'), ...(between !== low && between !== high ? [{ cell: between, role: between === best ? 'best' : 'middle' }] : []), name(high, 'largest')];
}

/* Of what was held out: has it learned too little, or the samples alone? */
export function verdict(sweep, cell) {
  const best = sweep.best === null ? null : sweep.cells[sweep.best].metrics;
  const [mine, tests, trains] = [cell.metrics, 'test_psnr', 'psnr'];
  if (!best?.[tests] || !mine[tests] || !best[trains] || !mine[trains]) return '';
  if (mine[tests].mean > best[tests].mean - 0.5) return '';
  return mine[trains].mean < best[trains].mean - 1 ? 'underfitted' : 'overfitted';
}

function metricWords(sweep, cell) {
  const metric = mainMetric(sweep);
  const keys = metric?.startsWith('test_') ? [metric, metric.slice(5)] : [metric];
  return keys.filter((k) => k && cell.metrics[k]).map((k) => `${metricName(k)} ${metricText(cell, k)} ${unitOf(k)}`.trim()).join(' · ');
}

export function makePictures(page, problem) {
  const options = { signal: page.signal };
  const jobs = new Map(); /* id → job that has ended */
  const row = el('div', { class: 'sweep-row' });
  const compare = el('a', { class: 'button', hidden: true }, 'Compare, zoom linked');
  const choice = el('select', { onchange: () => {
    page.remember({ of: choice.value });
    redraw().catch(say);
  } });
  const chooser = el('label', {}, 'Dataset ', choice);
  const region = makeRegion({
    at: ['x', 'y', 'zoom'].map((k) => (page.query.get(k) === null ? null : Number(page.query.get(k)))),
    onChange: ({ x, y, zoom }) => {
      page.remember(zoom > 1 ? { x: x.toFixed(4), y: y.toFixed(4), zoom } : { x: null, y: null, zoom: null });
      clearTimeout(timer);
      timer = setTimeout(() => show().catch(say), 150);
    },
  });
  const element = el('section', { class: 'sweep-pictures', 'aria-label': 'Pictures' },
    el('div', { class: 'head' }, el('h2', {}, 'The same place, as each learned it'), el('div', { class: 'actions' }, chooser, compare)),
    el('div', { class: 'sweep-stage' }, region.element, row));
  let timer = null;
  let signals = null;
  let figures = [];
  let drawn = '';
  let turn = 0; /* goes up with each look that is drawn: what an earlier one still waits for is not shown */
  let last = null;
  let asking = new AbortController();
  page.onLeave(() => {
    clearTimeout(timer);
    asking.abort();
  });
  element.hidden = true;

  const say = (error) => error.name !== 'AbortError' && problem.say(error);

  async function jobOf(cell, datasetId) {
    for (const id of cell.job_ids) {
      if (!jobs.has(id)) {
        const job = await get(`/v1/jobs/${id}`, options);
        if (!ENDED.has(job.status)) continue;
        jobs.set(id, job);
      }
      const job = jobs.get(id);
      if (job.dataset_id === datasetId && job.status === 'succeeded') return job;
    }
    return null;
  }

  /* What is asked for: [path, options as fetch() has them].  Shapes and scenes are seen by one camera, the first field's. */
  async function requestOf(job) {
    if (figures.look === 'picture') return [`/v1/fields/${job.field_id}/image?width=${WIDTH}&frame=unit&bbox=${region.box().join(',')}`, {}];
    if (figures.look === 'volume') return [smallPicturePath(job.field_id, 'volume', WIDTH, null), {}];
    figures.camera ??= get(`/v1/fields/${job.field_id}`, options).then((field) => toRequest(defaultCamera(field, figures.dataset)));
    const body = JSON.stringify({ camera: await figures.camera, width: STILL, height: STILL });
    return [`/v1/fields/${job.field_id}/render`, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } }];
  }

  /* The data at the same place: its pixels are seen as they are. */
  async function showData(figure, signal) {
    const [x0, y0, x1, y1] = region.box();
    const { bitmap } = figure;
    const [w, h] = [(x1 - x0) * bitmap.width, (y1 - y0) * bitmap.height];
    const canvas = el('canvas', { width: WIDTH, height: Math.max(1, Math.round((WIDTH * h) / w)) });
    const g = canvas.getContext('2d');
    g.imageSmoothingEnabled = w > WIDTH;
    g.drawImage(bitmap, x0 * bitmap.width, y0 * bitmap.height, w, h, 0, 0, canvas.width, canvas.height);
    if (!signal.aborted) figure.stage.replaceChildren(canvas);
  }

  async function showField(figure, signal) {
    if (!figure.job) return;
    const [path, how] = await requestOf(figure.job);
    if (path === figure.path) return;
    const img = el('img', { alt: figure.alt });
    await showPicture(img, path, { signal, ...how });
    await img.decode();
    figure.path = path;
    figure.stage.replaceChildren(img);
  }

  async function show() {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const one = async (figure) => {
      try {
        await (figure.bitmap ? showData(figure, signal) : showField(figure, signal));
      } catch (error) {
        if (error.name === 'AbortError') return;
        figure.stage.replaceChildren(el('p', { class: 'hint' }, error.status === 404 ? 'This field was deleted.' : error.message));
      }
    };
    await Promise.all(figures.map(one));
  }

  function makeFigure(sweep, pointer, { cell, role }, job) {
    const name = pointer ? `${settingName(pointer)} ${valueText(cell.setting[pointer])}` : cellName(cell);
    const stage = el('div', { class: 'sweep-picture' }, el('p', { class: 'hint' }, job ? 'being drawn' : ENDED.has(sweep.status) ? 'not fitted' : 'not fitted yet'));
    const said = [role, verdict(sweep, cell)].filter(Boolean).join(', ');
    const title = job ? el('a', { href: `#/fields/${job.field_id}` }, name) : name;
    return {
      job,
      stage,
      alt: `${name}: the field`,
      element: el('figure', {}, el('figcaption', {}, el('strong', {}, title), said ? ` ${said}` : ''), stage, el('p', { class: 'hint' }, metricWords(sweep, cell))),
    };
  }

  async function dataFigure(dataset) {
    const bitmap = await createImageBitmap(await (await fetchBytes(`/v1/datasets/${dataset.id}/preview?width=${Math.min(Math.max(dataset.info.width ?? 512, 16), 1024)}`, options)).blob());
    const stage = el('div', { class: 'sweep-picture' });
    return { bitmap, stage, element: el('figure', {}, el('figcaption', {}, el('strong', {}, 'the data')), stage, el('p', { class: 'hint' }, `${dataset.name}`)) };
  }

  function fillChoice(sweep, datasets) {
    chooser.hidden = sweep.dataset_ids.length < 2;
    if (choice.childElementCount) return;
    choice.append(...sweep.dataset_ids.map((id) => el('option', { value: id }, datasets.of(id))));
    if (sweep.dataset_ids.includes(page.query.get('of'))) choice.value = page.query.get('of');
  }

  async function drawSignals(dataset, cells, found, pointer) {
    region.element.hidden = compare.hidden = true;
    signals ??= makeSignals(page);
    row.replaceChildren(signals.element);
    await signals.draw(dataset, cells.map(({ cell, role }, i) => ({
      name: `${pointer ? `${settingName(pointer)} ${valueText(cell.setting[pointer])}` : cellName(cell)}${role ? `, ${role}` : ''}`, fieldId: found[i]?.field_id,
    })));
  }

  async function redraw() {
    const given = last;
    const { sweep, pointer, names } = given;
    fillChoice(sweep, names);
    const datasetId = choice.value;
    const cells = chooseCells(sweep, pointer);
    const found = await Promise.all(cells.map(({ cell }) => (cell.n ? jobOf(cell, datasetId) : null)));
    if (given !== last || datasetId !== choice.value) return; /* a later one is on its way */
    const look = JSON.stringify([datasetId, pointer, sweep.best, cells.map((c) => [c.cell.setting, c.role]), found.map((j) => j?.id)]);
    if (look === drawn) return;
    drawn = look;
    const mine = ++turn;
    try {
      await drawFound(given, cells, found, datasetId);
    } catch (error) {
      if (mine !== turn) return;
      drawn = ''; /* it is tried again */
      throw error;
    }
  }

  async function drawFound({ sweep, pointer, names }, cells, found, datasetId) {
    const mine = turn;
    const first = found.find((j) => j);
    element.hidden = !first;
    if (!first) return;
    const dataset = await names.datasets.find(datasetId);
    if (mine !== turn) return;
    const newer = cells.map((c, i) => makeFigure(sweep, pointer, c, found[i]));
    newer.look = lookOf(first.task, dataset?.info?.depth > 1 ? 3 : 2);
    newer.dataset = dataset;
    if (newer.look === 'signal') {
      await drawSignals(dataset, cells, found, pointer);
      return;
    }
    const data = newer.look === 'picture' && dataset?.kind === 'image' ? await dataFigure(dataset) : null;
    if (mine !== turn) return;
    region.element.hidden = newer.look !== 'picture' || !dataset;
    if (data) {
      region.show(data.bitmap);
      newer.push(data);
    }
    figures = newer;
    row.replaceChildren(...figures.map((f) => f.element));
    const fields = found.filter(Boolean).map((j) => j.field_id);
    compare.hidden = fields.length < 2 || figures.look === 'space';
    compare.href = address('compare', { fields: fields.join(','), sweep: sweep.id });
    await show();
  }

  return {
    element,
    async draw(sweep, pointer, names) {
      last = { sweep, pointer, names };
      await redraw().catch(say);
    },
  };
}
