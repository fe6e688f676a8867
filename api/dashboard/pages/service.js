/* How the service is: its workers, queue, machine, room and traffic; its limits, and what presets take on this machine. */

import { fetchBytes, get } from '/assets/api.js';
import { el, facts, problemPlace } from '/assets/dom.js';
import { address } from '/assets/page.js';
import { Directory, Names } from '/assets/parts/directory.js';
import { parseMetrics } from '/assets/parts/prometheus.js';
import { bytes, count, duration, moment, number, stateOf } from '/assets/words.js';

const PERIOD = 5000;

const LIMITS = {
  upload_bytes: 'upload', image_pixels: 'pixels of a picture', volume_voxels: 'voxels of a volume', signal_samples: 'samples of a signal', triangles: 'triangles of a mesh',
  archive_members: 'files in an archive', archive_bytes: 'an archive, unpacked', json_bytes: 'a JSON body', json_depth: 'its nesting',
  query_points_json: 'points of a query, JSON', query_points_binary: 'points of a query, binary', render_pixels: 'pixels asked for', mesh_resolution: 'resolution of a mesh',
  request_seconds: 'work of one request', queued_jobs: 'jobs that wait', sweep_jobs: 'jobs of a sweep', job_memory_bytes: 'memory of a job', job_seconds: 'training of a job',
};

const ARITHMETIC = { portable: 'plain C', avx2: 'AVX2', avx512: 'AVX-512', avx512_bf16: 'AVX-512 with bf16', amx: 'AMX with bf16' };
const BY_TASK = ['image', 'volume', 'shape', 'views', 'ct', 'mri', 'signal'];

const limitText = (key, value) => (/_bytes$/.test(key) ? bytes(value) : /_seconds$/.test(key) ? days(value) : count(value));
const days = (seconds) => (seconds < 86400 ? duration(seconds) : `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`);
const card = (title, ...children) => el('section', { class: 'card service-card', 'aria-label': title }, el('h2', {}, title), children);

/* Part of a whole, as a bar with its words. */
function share(part, whole, label) {
  return el('progress', { max: 1, value: whole > 0 ? Math.min(part / whole, 1) : 0, 'aria-label': label });
}

function workers(service, running, names) {
  const idle = Math.max(service.workers.n - running.length, 0);
  return card('Workers', el('ul', { class: 'service-workers' },
    running.map((job) => el('li', {}, el('a', { href: `#/jobs/${job.id}` }, names.of(job.dataset_id)), ` ${job.task}, ${stateOf(job)}`, share(job.progress, 1, `Progress of ${names.of(job.dataset_id)}`))),
    idle ? el('li', { class: 'hint' }, idle === 1 ? 'one is idle' : `${count(idle)} are idle`) : null),
  facts([
    ['At once', `${count(service.workers.n)}, each on ${count(service.workers.threads)} ${service.workers.threads === 1 ? 'core' : 'cores'}`],
    ['Queue', el('a', { href: address('jobs', { status: 'queued' }) }, `${count(service.jobs.queued)} ${service.jobs.queued === 1 ? 'job waits' : 'jobs wait'}`)],
    ['Ended', ['succeeded', 'failed', 'canceled'].map((status, i) => [i ? ', ' : '', el('a', { href: address('jobs', { status }) }, `${count(service.jobs[status])} ${status}`)])],
    ['Crashes', `${count(service.workers.crashes)} since the start`],
  ], 'facts'));
}

function machine({ machine: m, memory }) {
  return card('Machine', facts([
    ['Cores', count(m.cores)],
    ['Arithmetic', ARITHMETIC[m.arithmetic] ?? m.arithmetic],
    ['Speed', m.measured ? 'measured: times can be told' : 'being measured: times are not known yet'],
    ['Memory', bytes(m.memory_bytes)],
    ['The service', el('span', {}, `${bytes(memory.resident_bytes)} in use`, share(memory.resident_bytes, m.memory_bytes, 'Memory of the service'))],
    ['Fields ready', `${count(memory.fields)}, ${bytes(memory.field_bytes)}`],
  ], 'facts'));
}

function room({ data }) {
  const used = data.dataset_bytes + data.database_bytes;
  return card('Kept', facts([
    ['Datasets', el('a', { href: '#/datasets' }, `${count(data.datasets)}, ${bytes(data.dataset_bytes)}`)],
    ['Fields', el('a', { href: '#/fields' }, count(data.fields))],
    ['Sweeps', el('a', { href: '#/sweeps' }, count(data.sweeps))],
    ['Databases', bytes(data.database_bytes)],
    ['Disk', el('span', {}, `${bytes(used)} used, ${bytes(data.free_bytes)} free`, share(used, used + data.free_bytes, 'Disk in use'))],
  ], 'facts'));
}

/* What passed since the last look, by the second. */
function traffic(now, before, answered) {
  const rate = (name) => {
    if (!before || now.at <= before.at) return null;
    return Math.max(now.metrics.value(name) - before.metrics.value(name), 0) / ((now.at - before.at) / 1000);
  };
  const m = now.metrics;
  const perSecond = rate('farfield_http_requests_total');
  const [hits, misses] = ['hits', 'misses'].map((k) => m.value(`farfield_field_cache_${k}_total`));
  const errors = m.value('farfield_http_responses_total', { class: '5xx' });
  return card('Traffic', facts([
    ['Requests', `${count(m.value('farfield_http_requests_total'))}${perSecond === null ? '' : `, ${number(perSecond, 2)} a second now`}`],
    ['Answers', ['2xx', '3xx', '4xx'].map((c) => `${count(m.value('farfield_http_responses_total', { class: c }))} ${c}`).join(', ')],
    ['Errors', el('span', { class: errors ? 'list-state failed' : '' }, `${count(errors)} of the service’s own (5xx)`)],
    ['Connections', count(m.value('farfield_http_connections'))],
    ['In and out', `${bytes(m.value('farfield_http_received_bytes_total'))}, ${bytes(m.value('farfield_http_sent_bytes_total'))}`],
    ['Fields found ready', hits + misses ? `${Math.round((100 * hits) / (hits + misses))} %` : '–'],
    ['Answers here in', `${number(answered, 2)} ms`],
  ], 'facts'));
}

function presetTable(items) {
  const presets = [...items].sort((a, b) => BY_TASK.indexOf(a.task) - BY_TASK.indexOf(b.task) || b.default - a.default);
  const shape = (p) => p.estimate.shape.filter((n, i, all) => i < all.length - 1 || n > 1).map(count).join(' × ');
  return el('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Presets' }, el('table', { class: 'service-presets' },
    el('thead', {}, el('tr', {}, ['Task', 'Preset', 'Data', 'Time', 'Steps', 'Memory', 'Aims at'].map((t) => el('th', { scope: 'col' }, t)))),
    el('tbody', {}, presets.map((p) => el('tr', {}, el('td', {}, p.task), el('th', { scope: 'row' }, p.name, p.default ? el('span', { class: 'hint' }, ' default') : null),
      el('td', {}, shape(p)), el('td', {}, duration(p.estimate.seconds)), el('td', {}, count(p.estimate.steps)), el('td', {}, bytes(p.estimate.memory_bytes)), el('td', { class: 'hint' }, p.description))))));
}

export async function open(page) {
  page.title('Service');
  const options = { signal: page.signal };
  const names = new Names(new Directory('/v1/datasets', page.signal));
  const problem = problemPlace();
  const sub = el('p', { class: 'sub' });
  const cards = el('div', { class: 'tiles service-tiles' });
  const limits = el('div', {});
  const presets = el('div', {});
  const file = (href, name, text) => el('a', { class: 'button', href, 'data-file': name }, text);
  page.place.append(
    el('div', { class: 'head' }, el('div', {}, el('h1', {}, 'Service'), sub),
      el('div', { class: 'actions' }, file('/openapi.json', 'openapi.json', 'OpenAPI'), file('/metrics', 'metrics.txt', 'Metrics'))),
    problem, cards, el('h2', {}, 'What presets take here'), presets, el('h2', {}, 'Limits'), limits);

  let before = null;
  async function look() {
    const began = performance.now();
    const service = await get('/v1/service', options);
    const answered = performance.now() - began;
    const [text, running] = await Promise.all([fetchBytes('/metrics', options).then((r) => r.text()), get('/v1/jobs?status=running&limit=50', options)]);
    const now = { at: performance.now(), metrics: parseMetrics(text) };
    await names.learn(running.items.map((j) => j.dataset_id));
    sub.textContent = `farfield ${service.version}, up ${days(service.uptime_seconds)}, since ${moment(service.started_at)}`;
    const focused = document.activeElement?.closest?.('.service-tiles') ? document.activeElement.getAttribute('href') : null;
    cards.replaceChildren(workers(service, running.items, names), machine(service), room(service), traffic(now, before, answered));
    if (focused) cards.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    before = now;
    problem.say(null);
    return service;
  }

  const service = await look();
  limits.replaceChildren(facts(Object.entries(service.limits).map(([key, value]) => [LIMITS[key] ?? key.replaceAll('_', ' '), limitText(key, value)]), 'facts service-limits'));
  let wasMeasured = service.machine.measured;
  const drawPresets = async () => presets.replaceChildren(presetTable((await get('/v1/presets', options)).items));
  page.every(PERIOD, async () => {
    try {
      const { machine: { measured } } = await look();
      if (measured && !wasMeasured) await drawPresets(); /* their times are known from now on */
      wasMeasured = measured;
    } catch (error) {
      if (error.name !== 'AbortError') problem.say(new Error(`The service does not answer: ${error.message}`));
    }
  });
  await drawPresets();
}
