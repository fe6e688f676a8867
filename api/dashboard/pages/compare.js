/* Fields side by side at the same place and zoom: #/compare?fields=ID,ID[,…], of pictures, or of volumes by the same
 * slice (axis, pos: 0..1 along it).  x, y, zoom: the place; original=0: without the original. */

import { fetchBytes, get } from '/assets/api.js';
import { el, problemPlace } from '/assets/dom.js';
import { address, go } from '/assets/page.js';
import { number, quality, qualityText } from '/assets/words.js';
import { settingsOf } from '/assets/parts/differences.js';
import { MOST, makeFieldPicker } from '/assets/parts/field_picker.js';
import { follow } from '/assets/parts/follow.js';
import { lookOfField } from '/assets/parts/looks.js';
import { makeMappings, sweepLink } from '/assets/parts/mappings.js';
import { loadOriginal } from '/assets/parts/original.js';
import { linkPanes, makePane, tilesOf } from '/assets/parts/pane.js';
import { makeProbe } from '/assets/parts/probe.js';
import { valuePath } from '/assets/parts/copy_as.js';

const AXES = ['x', 'y', 'z'];
const MOST_SLICE = 1024; /* pixels wide */

const isComparable = (field) => ['picture', 'volume'].includes(lookOfField(field));

/* --- how each kind of field gets into a pane --- */

function makePictures() {
  return {
    size: (field) => ({ width: field.domain.shape[1], height: field.domain.shape[0] }),
    show: (pane, field) => pane.show(tilesOf(field), { stay: true }),
    forget: () => {},
    controls: null,
  };
}

/* Slices across one axis at one place, in all panes.  trying(field, act): tells what fails. */
function makeSlices(page, trying) {
  const axis = AXES.includes(page.query.get('axis')) ? page.query.get('axis') : 'z';
  const given = Number(page.query.get('pos') ?? NaN);
  let pos = given >= 0 && given <= 1 ? given : 0.5;

  async function picture(field) {
    const [, h, w] = field.domain.shape;
    const width = Math.min(4 * (axis === 'x' ? h : w), MOST_SLICE);
    const query = new URLSearchParams({ axis, pos, frame: 'unit', orientation: 'upright', width, v: field.sha256?.slice(0, 16) ?? field.step });
    const response = await fetchBytes(`/v1/fields/${field.id}/slice?${query}`, { signal: page.signal });
    return createImageBitmap(await response.blob(), { colorSpaceConversion: 'none' });
  }

  const shown = new Map(); /* pane → its field; one request at a time for each */
  async function refresh(pane) {
    const entry = shown.get(pane);
    if (entry.isAsking) return void (entry.again = true);
    entry.isAsking = true;
    try {
      do {
        entry.again = false;
        pane.cover({ bitmap: await picture(entry.field) }, 1);
      } while (entry.again && !page.signal.aborted);
    } finally {
      entry.isAsking = false;
    }
  }

  const range = el('input', { type: 'range', min: '0', max: '1', step: '0.005', value: pos, oninput: () => {
    pos = Number(range.value);
    page.remember({ pos });
    for (const [pane, { field }] of shown) trying(field, () => refresh(pane)).catch(() => {});
  } });
  const select = el('select', { onchange: () => {
    page.remember({ x: null, y: null, zoom: null });
    go('compare', { ...Object.fromEntries(page.query), axis: select.value });
  } }, AXES.map((a) => el('option', {}, a)));
  select.value = axis;
  return {
    async size(field) {
      const bitmap = await picture(field);
      const [, h, w] = field.domain.shape;
      const width = axis === 'x' ? h : w;
      return { width, height: Math.max(1, Math.round((width * bitmap.height) / bitmap.width)) };
    },
    async show(pane, field) {
      if (!shown.has(pane)) await pane.show(null);
      shown.set(pane, { ...shown.get(pane), field });
      await refresh(pane);
    },
    forget: (pane) => shown.delete(pane),
    controls: el('div', { class: 'actions slice-row' }, el('label', {}, 'Across axis ', select), el('label', { class: 'wide' }, 'at ', range)),
  };
}

/* --- the panes --- */

/* One field's figure.  The pane comes into it once the field has something to show. */
function makeFigure(field, onRemove) {
  const words = el('span', { class: 'differing' });
  const psnr = el('b', { class: 'psnr' });
  const state = el('span', { class: 'hint', role: 'status' });
  const value = el('output', { class: 'mono' });
  const stage = el('div', { class: 'stage deep' });
  let isGone = false;
  const link = el('a', { href: address(`fields/${field.id}`) }, 'open');
  const figure = el('figure', { class: 'compared' },
    el('figcaption', {}, el('div', { class: 'compared-head' }, words, el('span', { class: 'actions' }, link,
      el('button', { type: 'button', class: 'plain', 'aria-label': 'Take this field out', title: 'Take this field out', onclick: onRemove }, '×'))),
    el('div', { class: 'compared-numbers' }, psnr, value, state)), stage);
  return {
    element: figure,
    stage,
    value,
    pane: null,
    describe(f, settings) {
      words.replaceChildren(...settings.flatMap(([text, differs], i) => [i ? ', ' : '', differs ? el('strong', {}, text) : text]));
      const q = quality(f.metrics);
      psnr.textContent = q ? `${q.key === 'test_psnr' ? 'test ' : ''}${qualityText(f.metrics)}` : '';
      if (!isGone) state.textContent = f.state === 'training' ? (f.bytes !== null ? `learning, step ${f.step}` : 'waits for its turn') : '';
    },
    gone() {
      isGone = true;
      state.textContent = 'This fit ended without a snapshot: there is no field.';
    },
    at: (look) => (link.href = address(`fields/${field.id}`, look)),
  };
}

/* What fails of several, told in one place, each until it has succeeded: trying(what, act). */
function makeTrying(problem, nameOf) {
  const failures = new Map();
  const tell = (name, error) => {
    if (error?.name === 'AbortError') return;
    if (error) failures.set(name, error.message);
    else failures.delete(name);
    problem.say(failures.size ? new Error([...failures].map(([n, message]) => `${n}: ${message}`).join('\n')) : null);
  };
  const trying = async (what, act) => {
    try {
      await act();
      tell(nameOf(what), null);
    } catch (error) {
      tell(nameOf(what), error);
      throw error;
    }
  };
  return { tell: (what, error) => tell(nameOf(what), error), trying };
}

async function openPanes(page, place, fields, dataset) {
  const options = { signal: page.signal };
  const look = lookOfField(fields[0]);
  const problem = problemPlace();
  const nameOf = (field) => (field ? `Field ${fields.findIndex((f) => f.id === field.id) + 1}` : 'The original');
  const { tell, trying } = makeTrying(problem, nameOf);
  const kind = look === 'volume' ? makeSlices(page, trying) : makePictures();
  const current = new Map(fields.map((f) => [f.id, f]));
  const panes = [];
  const link = linkPanes(() => panes);
  const wanted = ['x', 'y', 'zoom'].map((key) => Number(page.query.get(key) ?? NaN));
  const grid = el('div', { class: 'compare-grid' });
  const figures = fields.map((field) => makeFigure(field, () => {
    go('compare', { ...Object.fromEntries(page.query), fields: fields.filter((f) => f !== field).map((f) => f.id).join(',') });
  }));
  const zoomText = el('output', { class: 'mono', 'data-zoom': '', 'aria-label': 'Zoom' });
  page.onLeave(() => panes.forEach((pane) => pane.close()));

  const describe = () => settingsOf([...current.values()]).forEach((settings, i) => figures[i].describe([...current.values()][i], settings));

  const probe = makeProbe({
    page,
    ask: async (point) => Promise.all(fields.map(async ({ id }) => (current.get(id).bytes !== null ? (await get(valuePath(id, point), options)).value : null))),
    tell: ({ point, value }) => value?.forEach((v, i) => (figures[i].value.textContent = v ? `(${point.map((p) => number(p, 4)).join(', ')}) ${v.map((c) => c.toFixed(3)).join(' ')}` : '')),
  });

  async function openPane(stage, label, size) {
    const pane = await makePane(stage, {
      ...size,
      label,
      onMove(at) {
        link(pane);
        zoomText.value = `${number(at.zoom, 3)}×`;
        zoomText.dataset.zoom = at.zoom;
      },
      onRest(at) {
        const seen = pane.remembered(at);
        page.remember(seen);
        if (look === 'picture') figures.forEach((f) => f.at(seen));
      },
      onPoint: (point) => look === 'picture' && probe.at(point && point.map((v) => Number(v.toFixed(3)))),
    });
    if (page.signal.aborted) {
      pane.close();
      page.signal.throwIfAborted();
    }
    return pane;
  }

  /* The first pane goes to the place of the address, the others to where the first is. */
  function join(pane) {
    if (panes.length) pane.lookAt(panes[0].look());
    else if (wanted.every(Number.isFinite)) pane.lookAt({ x: wanted[0], y: wanted[1], zoom: wanted[2] });
    panes.push(pane);
    link(pane);
  }

  async function showField(figure, field) {
    if (field.bytes === null || page.signal.aborted) return;
    if (figure.pane) return kind.show(figure.pane, field);
    const pane = await openPane(figure.stage, nameOf(field), await kind.size(field));
    pane.viewer.addHandler('tile-load-failed', () => !page.signal.aborted && tell(field, new Error('a part of it could not be had.')));
    figure.pane = pane;
    try {
      await kind.show(pane, field);
    } catch (error) {
      figure.pane = null;
      kind.forget(pane);
      pane.close();
      throw error;
    }
    join(pane);
  }

  /* --- on the page --- */

  const all = (act) => panes[0] && act(panes[0]);
  const button = (text, name, act) => el('button', { type: 'button', 'aria-label': name, title: name, onclick: () => all(act) }, text);
  const withOriginal = el('input', { type: 'checkbox', checked: page.query.get('original') !== '0', onchange: () => {
    page.remember({ original: withOriginal.checked ? null : '0' });
    trying(null, showOriginal).catch(() => {});
  } });
  const originalStage = el('div', { class: 'stage deep' });
  const hasOriginal = look === 'picture' && dataset?.kind === 'image';
  const originalFigure = el('figure', { class: 'compared', hidden: !hasOriginal || !withOriginal.checked }, el('figcaption', {}, el('div', { class: 'compared-head' }, 'Original'), el('div', { class: 'compared-numbers' }, dataset?.name ?? '')), originalStage);
  const originalBox = el('label', { hidden: !hasOriginal }, withOriginal, ' Original');
  grid.append(originalFigure, ...figures.map((f) => f.element));
  place.append(
    el('div', { class: 'actions viewer-bar' }, originalBox, sweepLink(page),
      el('span', { class: 'actions zoom' }, button('−', 'Zoom out', (p) => p.zoomBy(0.5)), button('+', 'Zoom in', (p) => p.zoomBy(2)),
        button('Whole', 'Whole picture', (p) => p.whole()), button('8×', '8×: eight pixels of the screen for one of the data', (p) => p.lookAt({ ...p.look(), zoom: 8 })), zoomText)),
    ...(kind.controls ? [kind.controls] : []), problem, grid);
  describe();

  let originalPane = null;
  async function showOriginal() {
    const field = fields.find((f) => f.domain);
    const isMissing = () => hasOriginal && field && withOriginal.checked && !originalPane; /* looked at again after each wait */
    originalFigure.hidden = !hasOriginal || !field || !withOriginal.checked;
    if (originalPane && !withOriginal.checked) {
      panes.splice(panes.indexOf(originalPane), 1);
      originalPane.close();
      originalPane = null;
    }
    if (!isMissing()) return;
    const original = await loadOriginal(dataset, field, page.signal);
    if (!isMissing()) return;
    const pane = await openPane(originalStage, nameOf(null), await kind.size(field));
    if (isMissing()) await pane.show(null);
    if (!isMissing()) return pane.close();
    originalPane = pane;
    pane.cover(original, 1);
    join(pane);
  }

  for (const field of fields) {
    if (field.state !== 'training') continue;
    const figure = figures[fields.indexOf(field)];
    follow(page, field, async (newer) => {
      if (!newer) return figure.gone();
      current.set(newer.id, newer);
      describe();
      await trying(newer, () => showField(figure, newer));
    });
  }
  /* One that cannot be shown leaves the others alone. */
  await trying(null, showOriginal).catch(() => {});
  for (const [i, field] of fields.entries()) await trying(field, () => showField(figures[i], field)).catch(() => {});
}

/* --- the page --- */

async function fieldOrNull(id, options) {
  return get(`/v1/fields/${id}`, options).catch((error) => {
    if (error.name === 'AbortError') throw error;
    return null;
  });
}

export async function open(page) {
  const options = { signal: page.signal };
  page.title('Compare');
  const ids = (page.query.get('fields') ?? '').split(',').filter(Boolean).slice(0, MOST);
  const problem = problemPlace();
  const place = el('div');
  const more = el('div', { class: 'compare-more' });
  page.place.append(el('div', { class: 'head' }, el('div', {}, el('h1', {}, 'Compare'), el('p', { class: 'sub' }, 'Fields at the same place and zoom; moving one moves all.'))), problem, place, more);

  const [found, list, datasets] = await Promise.all([
    Promise.all(ids.map((id) => fieldOrNull(id, options))),
    get('/v1/fields?limit=200', options),
    get('/v1/datasets?limit=200', options),
  ]);
  const known = found.filter(Boolean);
  const alike = (f) => isComparable(f) && lookOfField(f) === lookOfField(known[0]) && String(f.domain?.shape) === String(known[0].domain?.shape);
  const fields = known.filter(alike);
  const lost = ids.length - fields.length;
  if (lost) problem.say(new Error(`${lost === 1 ? 'One field' : `${lost} fields`} of the address cannot be shown here: deleted, or of another kind or size than the first.`));

  const picker = makeFieldPicker({
    fields: list.items.filter((f) => isComparable(f)),
    datasets: datasets.items,
    chosen: fields.map((f) => f.id),
    onCompare: (chosen) => go('compare', { fields: chosen.join(',') }),
  });
  const choose = el('details', { class: 'card', open: !fields.length }, el('summary', {}, 'Choose fields'), picker);
  more.append(choose, makeMappings({ page, datasets: datasets.items, chosen: fields[0]?.dataset_id }));
  if (fields.length) await openPanes(page, place, fields, datasets.items.find((d) => d.id === fields[0].dataset_id) ?? null);
}
