/* A picture field (also ct and mri of pictures): deep zoom past the data's resolution, beside the original. */

import { fetchBytes, get } from '/assets/api.js';
import { el, problemPlace } from '/assets/dom.js';
import { number } from '/assets/words.js';
import { valuePath } from '/assets/parts/copy_as.js';
import { loadOriginal } from '/assets/parts/original.js';
import { linkPanes, makePane, tilesOf } from '/assets/parts/pane.js';
import { makeProbe } from '/assets/parts/probe.js';

const MODES = { field: 'Field', original: 'Original', curtain: 'Curtain', side: 'Side by side' };
const CHANNELS = { value: 'Value', gradient_norm: 'Gradient', laplacian: 'Laplacian' };

/* Of the permalink: a number, or what is meant without one. */
function numberOf(query, key, otherwise) {
  const v = query.get(key) === null ? NaN : Number(query.get(key));
  return Number.isFinite(v) ? v : otherwise;
}

function makeChoice(label, names, onChoose) {
  const buttons = Object.entries(names).map(([key, words]) => el('button', { type: 'button', 'data-key': key, onclick: () => onChoose(key) }, words));
  return {
    element: el('div', { class: 'joined', role: 'group', 'aria-label': label }, buttons),
    mark: (chosen) => buttons.forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.key === chosen))),
  };
}

/* The line between original and field: dragged on the picture, or moved by the range below it. */
function makeCurtain(stage, onMove) {
  const range = el('input', { type: 'range', min: '0', max: '1000', 'aria-label': 'Where the original ends and the field begins', oninput: () => onMove(range.value / 1000) });
  const handle = el('span', { class: 'handle', 'aria-hidden': 'true' });
  const line = el('span', { class: 'curtain-line' }, handle);
  handle.addEventListener('pointerdown', (e) => {
    e.preventDefault();
    e.stopPropagation();
    handle.setPointerCapture(e.pointerId);
  });
  handle.addEventListener('pointermove', (e) => {
    if (!handle.hasPointerCapture(e.pointerId)) return;
    const box = stage.getBoundingClientRect();
    onMove(Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1));
  });
  stage.append(line);
  return {
    row: el('div', { class: 'curtain-row' }, range, el('span', {}, 'Original'), el('span', {}, 'Field')),
    place(split, shown) {
      line.hidden = !shown;
      line.style.left = `${100 * split}%`;
      range.value = Math.round(1000 * split);
      range.setAttribute('aria-valuetext', `${Math.round(100 * split)} % original`);
    },
  };
}

export async function openView(place, { field: first, dataset, page, tell }) {
  let field = first;
  const [height, width] = field.domain.shape;
  const base = `/v1/fields/${field.id}`;
  const problem = problemPlace();
  const original = await loadOriginal(dataset, field, page.signal).catch((error) => {
    if (error.name !== 'AbortError') problem.say(new Error(`The original cannot be shown: ${error.message}`));
    return null;
  });
  const modes = original ? MODES : { field: MODES.field };
  let mode = Object.hasOwn(modes, page.query.get('mode')) ? page.query.get('mode') : original ? 'curtain' : 'field';
  const wantedChannel = Object.hasOwn(CHANNELS, page.query.get('channel')) ? page.query.get('channel') : 'value';
  let channel = 'value';
  let split = Math.min(Math.max(numberOf(page.query, 'split', 0.5), 0), 1);

  /* --- panes: the field's, and one for the original beside it --- */

  const stage = el('div', { class: 'stage deep' });
  const probe = makeProbe({
    page,
    tell,
    ask: async (point) => (await get(valuePath(field.id, point), { signal: page.signal })).value,
    noteAt(point) {
      const value = original?.valueAt(point);
      return value && `The original has ${value.map((v) => number(v, 4)).join(', ')} there.`;
    },
  });
  const panes = [];
  const link = linkPanes(() => panes);
  const zoomText = el('output', { class: 'mono', 'data-zoom': '', 'aria-label': 'Zoom' });
  const makeLinked = async (label) => {
    const pane = await makePane(stage, {
      width,
      height,
      label,
      onMove(look) {
        link(pane);
        zoomText.value = `${number(look.zoom, 3)}×`;
        zoomText.dataset.zoom = look.zoom;
      },
      onRest: rested,
      onPoint: (point) => probe.at(point && point.map((v) => Number(v.toFixed(4)))),
    });
    if (page.signal.aborted) pane.close();
    return pane;
  };

  const requestOf = (format, times = 1) => {
    const region = main.region();
    const query = { bbox: region.box.join(','), width: region.width * times, height: region.height * times };
    if (channel !== 'value') query.channel = channel;
    if (format !== 'png') query.format = format;
    return { path: `${base}/image?${new URLSearchParams(query)}`.replaceAll('%2C', ',') };
  };

  function rested(look) {
    page.remember(main.remembered(look));
    tell({ request: requestOf('png') });
  }

  let main = null;
  let beside = null;

  /* --- controls --- */

  const curtain = makeCurtain(stage, (share) => {
    split = share;
    arrange();
    page.remember({ split: split.toFixed(3) });
  });
  const modeChoice = makeChoice('What is shown', modes, (chosen) => {
    mode = chosen;
    page.remember({ mode });
    return arrange();
  });
  const channelChoice = el('select', { onchange: () => {
    problem.say(null);
    chooseChannel(channelChoice.value);
  } }, Object.entries(CHANNELS).map(([value, words]) => el('option', { value }, words)));

  async function arrange() {
    stage.classList.toggle('side', mode === 'side');
    if (mode === 'side' && !beside) {
      beside = await makeLinked('The original, enlarged');
      await beside.show(null);
      beside.cover(original, 1);
      beside.lookAt(main.look());
      panes.push(beside);
      stage.prepend(beside.element);
    } else if (mode !== 'side' && beside) {
      panes.splice(panes.indexOf(beside), 1);
      beside.close();
      beside = null;
    }
    main.cover(original, { field: 0, side: 0, original: 1, curtain: split }[mode]);
    curtain.place(split, mode === 'curtain');
    curtain.row.hidden = mode !== 'curtain';
    modeChoice.mark(mode);
  }

  /* A field may have no such derivatives: then it says why. */
  async function chooseChannel(chosen) {
    try {
      if (chosen !== 'value') await fetchBytes(`${base}/image?width=8&height=8&channel=${chosen}`, { signal: page.signal });
      channel = chosen;
    } catch (error) {
      if (error.name === 'AbortError') return;
      problem.say(error);
    }
    channelChoice.value = channel;
    page.remember({ channel: channel === 'value' ? null : channel });
    await main.show(tilesOf(field, channel));
    tell({ request: requestOf('png') });
  }

  const button = (text, name, act) => el('button', { type: 'button', 'aria-label': name, title: name, onclick: act }, text);
  place.append(
    el('div', { class: 'actions viewer-bar' },
      original && modeChoice.element,
      el('label', {}, 'Channel ', channelChoice),
      el('span', { class: 'actions zoom' }, button('−', 'Zoom out', () => main.zoomBy(0.5)), button('+', 'Zoom in', () => main.zoomBy(2)),
        button('Whole', 'Whole picture', () => main.whole()), button('8×', '8×: eight pixels of the screen for one of the data', () => main.lookAt({ ...main.look(), zoom: 8 })), zoomText)),
    problem,
    stage,
    curtain.row,
    el('p', { class: 'hint' }, original?.isPreview ? 'The original is shown by its preview, which is coarser than the data.'
      : 'Zoom is in screen pixels a pixel of the data; beyond 1× the field is computed at every pixel, not enlarged.'));
  main = await makeLinked('The field, enlarged');
  main.viewer.addHandler('tile-load-failed', (e) => !page.signal.aborted && problem.say(new Error(`A tile could not be had: ${e.message ?? ''}`)));

  panes.push(main);
  await chooseChannel(wantedChannel);
  const { x, y, zoom } = main.look();
  if (page.query.has('zoom')) main.lookAt({ x: numberOf(page.query, 'x', x), y: numberOf(page.query, 'y', y), zoom: numberOf(page.query, 'zoom', zoom) });
  await arrange();

  return {
    state: () => ({
      request: requestOf('png'),
      downloads: [
        { text: 'PNG', file: 'view.png', request: requestOf('png') },
        { text: 'PNG, 2×', file: 'view-2x.png', request: requestOf('png', 2) },
        { text: 'NPY', file: 'view.npy', request: requestOf('npy') },
      ],
    }),
    async update(newer) {
      field = newer;
      await main.show(tilesOf(field, channel), { stay: true });
    },
    close: () => panes.forEach((pane) => pane.close()),
  };
}
