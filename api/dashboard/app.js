/* The dashboard, ground floor: drop a picture, watch the fit, look into the field. */

import { get, post, showPicture, upload, watch } from '/assets/api.js';
import { drawChart } from '/assets/chart.js';
import { hasToken, onRefused, save, send, setToken, takeTokenFromAddress, wasRefused } from '/assets/session.js';
import { Viewer } from '/assets/viewer.js';

const $ = (id) => document.getElementById(id);
const ENDED = new Set(['succeeded', 'failed', 'canceled']);

const jobs = new Map(); /* id -> the job as last heard */
const datasets = new Map(); /* id -> dataset, or null if it is gone */
const snapshots = new Map(); /* job id -> version of its last snapshot */
const pictures = new Map(); /* job id -> { url, img }: its small picture, made once for each version */
const viewer = new Viewer($('canvas'), $('view-note'));
let nextCursor = null;
let selected = null; /* { id, series, endWatch } */
let visit = 0; /* goes up when somebody comes or goes: what was begun in an earlier visit is dropped */
let isIn = false;

/* What a mapping other than a grid needs in a preset that is made for grids: a wider network, and smaller steps. */
const WITHOUT_GRID = {
  network: { n_hidden_layers: 3, width: 128, output_activation: 'sigmoid' },
  train: { batch_size: 1024, learning_rate: 0.003 },
};

/* --- words --- */

function duration(seconds) {
  if (seconds == null) return '–';
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

const decibels = (v) => (v == null ? '–' : `${v.toFixed(2)} dB`);

function quality(job) {
  return job.metrics?.test_psnr ?? job.metrics?.psnr ?? null;
}

function note(job) {
  if (job.status === 'queued') return job.queue_position ? `queued, number ${job.queue_position}` : 'queued';
  if (job.status === 'running') {
    const eta = job.eta_seconds == null ? '' : `, ${duration(job.eta_seconds)} to go`;
    return `${job.phase || 'running'}, step ${job.step}${eta}`;
  }
  if (job.status === 'failed') return `failed: ${job.error?.class ?? ''}`;
  return `${job.status}, ${job.step} steps`;
}

const mapping = (job) => job.spec?.field?.encoding?.type ?? '';
const name = (job) => datasets.get(job.dataset_id)?.name || job.dataset_id;

function showProblem(place, error) {
  place.textContent = error ? error.message : '';
  place.hidden = !error;
}

/* --- the list --- */

async function learnDataset(id) {
  if (datasets.has(id)) return;
  const mine = visit;
  datasets.set(id, null);
  let dataset = null;
  try {
    dataset = await get(`/v1/datasets/${id}`);
  } catch {
    /* deleted: its id stands for it */
  }
  if (mine !== visit) return;
  datasets.set(id, dataset);
  drawList();
  if (selected && jobs.get(selected.id)?.dataset_id === id) openView(jobs.get(selected.id));
}

function thumbnail(job) {
  const version = snapshots.get(job.id) ?? (job.status === 'succeeded' || job.status === 'canceled' ? 'final' : null);
  if (!version || !job.field_id) return null;
  return `/v1/fields/${job.field_id}/image?width=104&v=${encodeURIComponent(version)}`;
}

/* The picture last fetched stands until the new one is there. */
function pictureOf(job) {
  const url = thumbnail(job);
  let picture = pictures.get(job.id);
  if (url && picture?.url !== url) {
    const img = document.createElement('img');
    img.alt = '';
    const shown = picture?.img ?? null;
    picture = { url, img: shown };
    pictures.set(job.id, picture);
    img.addEventListener('load', () => {
      if (pictures.get(job.id) !== picture) return;
      picture.img = img;
      drawList();
    });
    showPicture(img, url).catch(() => {}); /* without one the place stays blank */
  }
  return picture?.img ?? null;
}

function listItem(job) {
  const item = document.createElement('li');
  const link = document.createElement('a');
  link.href = `#${job.id}`;
  link.className = job.status;
  if (selected?.id === job.id) link.setAttribute('aria-current', 'true');
  const picture = pictureOf(job) ?? document.createElement('span');
  if (picture.tagName === 'SPAN') picture.className = 'blank';
  const text = (className, content) => {
    const span = document.createElement('span');
    span.className = className;
    span.textContent = content;
    return span;
  };
  const bar = document.createElement('span');
  bar.className = 'bar-line';
  const fill = document.createElement('span');
  fill.style.width = `${100 * (job.progress ?? 0)}%`;
  bar.append(fill);
  bar.hidden = ENDED.has(job.status);
  link.append(picture, text('name', name(job)), text('psnr', quality(job) == null ? '' : decibels(quality(job))),
    text('note', `${mapping(job)} · ${note(job)}`), bar);
  item.append(link);
  return item;
}

/* What runs stands on top, then the newest first. */
function drawList() {
  const rank = (job) => (job.status === 'running' ? 0 : 1);
  const sorted = [...jobs.values()].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? 1 : -1));
  $('jobs').replaceChildren(...sorted.map(listItem));
  $('jobs-empty').hidden = sorted.length > 0;
  $('more').hidden = !nextCursor;
}

function keep(job) {
  jobs.set(job.id, { ...jobs.get(job.id), ...job });
  learnDataset(job.dataset_id);
}

async function loadPage(cursor) {
  const mine = visit;
  const page = await get(`/v1/jobs?limit=30${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
  if (mine !== visit) return;
  page.items.forEach(keep);
  nextCursor = page.next_cursor;
  drawList();
}

/* Jobs that are not being watched are asked after every two seconds while any of them is under way. */
async function poll(mine) {
  try {
    const [first, running, last] = await Promise.all(
      ['limit=30', 'status=running&limit=30', 'status=queued&limit=1'].map((q) => get(`/v1/jobs?${q}`)));
    if (mine !== visit) return;
    [...running.items, ...first.items].forEach(keep);
    $('health').className = 'health up';
    const queued = last.items[0]?.queue_position ?? 0; /* the newest in the queue stands last in it */
    $('health-text').textContent = running.items.length || queued ? `${running.items.length} running, ${queued} queued` : 'idle';
    drawList();
  } catch {
    if (mine !== visit) return;
    $('health').className = 'health down';
    $('health-text').textContent = 'no connection';
  }
  setTimeout(() => mine === visit && poll(mine), 2000);
}

/* --- the stage --- */

function openView(job) {
  const dataset = datasets.get(job.dataset_id);
  const shape = dataset?.info?.shape;
  if (!shape || viewer.field?.id === job.field_id) return;
  viewer.open({ id: job.field_id, version: null, width: shape[1], height: shape[0] });
  loadOriginal(dataset, job.field_id);
  if (ENDED.has(job.status) && job.status !== 'failed') viewer.refresh('final');
  else if (snapshots.has(job.id)) viewer.refresh(snapshots.get(job.id));
}

async function loadOriginal(dataset, fieldId) {
  try {
    const response = await send(`/v1/datasets/${dataset.id}/content`);
    const bitmap = await createImageBitmap(await response.blob());
    if (viewer.field?.id === fieldId) viewer.original = bitmap;
  } catch {
    /* a kind the browser cannot show: the button then changes nothing */
  }
  $('original').disabled = !viewer.original;
}

function number(term, value) {
  const cell = document.createElement('div');
  const dt = document.createElement('dt');
  const dd = document.createElement('dd');
  dt.textContent = term;
  dd.textContent = value;
  cell.append(dt, dd);
  return cell;
}

function stepsPerSecond() {
  const points = selected.series.loss ?? [];
  if (points.length < 2) return '–';
  const last = points[points.length - 1];
  const first = points.findLast((p) => p[2] <= last[2] - 3) ?? points[0];
  return last[2] > first[2] ? ((last[0] - first[0]) / (last[2] - first[2])).toFixed(1) : '–';
}

function drawStage() {
  if (!selected) return;
  const job = jobs.get(selected.id);
  $('title').textContent = name(job);
  $('subtitle').textContent = `${mapping(job)} mapping · ${note(job)}`;
  $('cancel').hidden = ENDED.has(job.status);
  $('resume').hidden = !ENDED.has(job.status) || job.status === 'failed';
  for (const [id, path] of [['get-png', 'image'], ['get-weights', 'weights']]) $(id).href = `/v1/fields/${job.field_id}/${path}`;
  const shape = datasets.get(job.dataset_id)?.info?.shape;
  if (shape) $('get-png').href += `?width=${2 * shape[1]}&height=${2 * shape[0]}`;
  const bar = $('progress');
  const percent = ENDED.has(job.status) ? 100 : 100 * (job.progress ?? 0);
  bar.setAttribute('aria-valuenow', percent.toFixed(0));
  bar.firstElementChild.style.width = `${percent}%`;
  const shown = [
    number('PSNR', decibels(job.metrics?.psnr)),
    number('Step', job.steps ? `${job.step} of ${job.steps}` : String(job.step)),
    number('Steps per second', stepsPerSecond()),
    number('To go', ENDED.has(job.status) ? job.stopped_by ?? job.status : duration(job.eta_seconds)),
  ];
  if (job.metrics?.test_psnr != null) shown.splice(1, 0, number('Test PSNR', decibels(job.metrics.test_psnr)));
  if (job.metrics?.baseline_psnr != null) shown.splice(2, 0, number('Interpolation', decibels(job.metrics.baseline_psnr)));
  if (job.metrics?.ssim != null) shown.push(number('SSIM', job.metrics.ssim.toFixed(4)));
  $('numbers').replaceChildren(...shown);
  $('spec').textContent = JSON.stringify(job.spec, null, 2);
  showProblem($('stage-problem'), job.error ? new Error(`${job.error.class}: ${job.error.detail ?? ''}`) : null);
  const lines = (keys) => keys.filter((k) => selected.series[k]).map((k) => ({ name: k, points: selected.series[k].map((p) => [p[2], p[1]]) }));
  drawChart($('chart-psnr'), lines(['psnr', 'test_psnr']));
  drawChart($('chart-loss'), lines(['loss']), { logarithmic: true });
}

/* Points arrive in the order they were made; after a reconnect some may come twice. */
function addPoints(points) {
  for (const [key, step, value, seconds] of points) {
    const line = (selected.series[key] ??= []);
    if (!line.length || step > line[line.length - 1][0]) line.push([step, value, seconds]);
    const job = jobs.get(selected.id);
    job.metrics = { ...job.metrics, [key]: value };
  }
}

function follow(id) {
  return watch(id, {
    state: (e) => (keep({ ...jobs.get(id), status: e.status ?? jobs.get(id).status }), drawList(), drawStage()),
    progress: (e) => (keep({ ...jobs.get(id), ...e }), drawList(), drawStage()),
    metric: (e) => (addPoints(e.points), drawStage()),
    snapshot: (e) => {
      snapshots.set(id, String(e.step));
      openView(jobs.get(id));
      viewer.refresh(String(e.step));
      drawList();
    },
    done: async () => {
      const mine = visit;
      const job = await get(`/v1/jobs/${id}`).catch(() => null);
      if (!job || mine !== visit) return;
      keep(job);
      if (jobs.get(id).status !== 'failed') viewer.refresh('final');
      drawList();
      drawStage();
    },
  });
}

function unselect() {
  selected?.endWatch?.();
  selected = null;
  viewer.open(null);
}

async function select(id) {
  unselect();
  $('stage').hidden = !id;
  $('welcome').hidden = Boolean(id);
  if (!id) return drawList();
  const mine = visit;
  try {
    const job = await get(`/v1/jobs/${id}`);
    if (mine !== visit) return;
    keep(job);
  } catch (error) {
    if (mine !== visit) return;
    location.hash = '';
    return showProblem($('drop-problem'), error);
  }
  selected = { id, series: {}, endWatch: null };
  const job = jobs.get(id);
  $('original').setAttribute('aria-pressed', 'false');
  viewer.showOriginal = false;
  openView(job);
  if (ENDED.has(job.status)) {
    const { series } = await get(`/v1/jobs/${id}/metrics`);
    if (selected?.id === id) selected.series = series;
  } else {
    selected.endWatch = follow(id);
  }
  drawList();
  drawStage();
}

/* --- what people do --- */

async function start(file) {
  showProblem($('drop-problem'), null);
  const bar = $('upload');
  bar.hidden = false;
  bar.value = 0;
  try {
    const query = new URLSearchParams({ kind: 'image', name: file.name.slice(0, 120) });
    const dataset = await upload(`/v1/datasets?${query}`, file, (part) => (bar.value = part));
    datasets.set(dataset.id, dataset);
    const body = { dataset_id: dataset.id, preset: $('preset').value };
    const type = $('mapping').value;
    if (type) body.field = { encoding: { type } };
    if (type && type !== 'hashgrid' && body.preset !== 'paper') {
      body.field.network = WITHOUT_GRID.network;
      body.train = WITHOUT_GRID.train;
    }
    const job = await post('/v1/jobs', body);
    keep(job);
    location.hash = job.id;
  } catch (error) {
    showProblem($('drop-problem'), error);
  } finally {
    bar.hidden = true;
  }
}

async function act(path, body) {
  showProblem($('stage-problem'), null);
  try {
    const job = await post(path, body);
    keep(job);
    if (job.id !== selected.id) location.hash = job.id;
    drawList();
    drawStage();
  } catch (error) {
    showProblem($('stage-problem'), error);
  }
}

function listen() {
  const drop = $('drop');
  $('file').addEventListener('change', (e) => {
    if (e.target.files.length) start(e.target.files[0]);
    e.target.value = '';
  });
  for (const type of ['dragover', 'dragenter']) {
    document.addEventListener(type, (e) => (e.preventDefault(), drop.classList.add('over')));
  }
  document.addEventListener('dragleave', (e) => e.relatedTarget ?? drop.classList.remove('over'));
  document.addEventListener('drop', (e) => {
    e.preventDefault();
    drop.classList.remove('over');
    if (e.dataTransfer.files.length) start(e.dataTransfer.files[0]);
  });
  drop.addEventListener('submit', (e) => e.preventDefault());
  $('cancel').addEventListener('click', () => act(`/v1/jobs/${selected.id}/cancel`));
  $('resume').addEventListener('click', () => {
    const job = jobs.get(selected.id);
    act(`/v1/jobs/${job.id}/resume`, { train: { steps: Math.max(job.steps ?? 0, 2 * job.step) } });
  });
  $('original').addEventListener('click', (e) => {
    viewer.showOriginal = !viewer.showOriginal;
    e.target.setAttribute('aria-pressed', String(viewer.showOriginal));
    viewer.draw();
  });
  document.querySelectorAll('[data-zoom]').forEach((button) => button.addEventListener('click', () => {
    const actions = { in: () => viewer.zoom(2), out: () => viewer.zoom(0.5), fit: () => viewer.field && viewer.fit() };
    actions[button.dataset.zoom]();
  }));
  $('more').addEventListener('click', () => loadPage(nextCursor));
  addEventListener('hashchange', () => (takeTokenFromAddress() ? begin() : isIn && select(location.hash.slice(1))));
  addEventListener('resize', drawStage);
  document.addEventListener('click', (e) => {
    const link = e.target.closest?.('a[data-file]');
    if (!link || !hasToken()) return; /* without a token the browser follows it by itself */
    e.preventDefault();
    save(link).catch((error) => showProblem($('stage-problem'), error));
  });
  $('sign-out').addEventListener('click', () => leave(null));
  $('sign-in-form').addEventListener('submit', (e) => {
    e.preventDefault();
    setToken($('token').value.trim());
    begin();
  });
}

/* --- coming and going --- */

/* Nothing of what was seen stays. */
function forget() {
  visit++;
  isIn = false;
  unselect();
  for (const things of [jobs, datasets, snapshots, pictures]) things.clear();
  nextCursor = null;
  $('token').value = '';
  drawList();
}

/* reason: why it ended, or null. */
function leave(reason) {
  setToken(null);
  forget();
  $('house').hidden = $('sign-out').hidden = true;
  $('sign-in').hidden = false;
  $('health').className = 'health';
  $('health-text').textContent = 'signed out';
  $('token').focus();
  showProblem($('sign-in-problem'), reason ? new Error(reason) : null);
}

/* Where the first question is answered 401, leave() has been called. */
async function begin() {
  forget();
  const mine = visit;
  const problem = await loadPage('').then(() => null, (error) => error);
  if (mine !== visit) return;
  isIn = true;
  $('sign-in').hidden = true;
  $('house').hidden = false;
  $('sign-out').hidden = $('with-token').hidden = !hasToken();
  showProblem($('drop-problem'), problem);
  loadPresets().catch((error) => showProblem($('drop-problem'), error));
  await select(location.hash.slice(1));
  if (mine === visit) poll(mine);
}

async function loadPresets() {
  const { items } = await get('/v1/presets');
  const names = [...new Set(items.map((p) => p.name))];
  $('preset').replaceChildren(...names.map((n) => new Option(n, n)));
}

listen();
onRefused(() => leave(hasToken() ? 'The service does not take this token.' : null));
takeTokenFromAddress();
if (wasRefused() && !hasToken()) leave(null);
else await begin();
