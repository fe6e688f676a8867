/* Watch it learn: a job, live.  Address: axis=steps, scale=log (of the curves), gain=4 (of the error map), and
 * after=job_…,job_… (the jobs that this one goes on from, the latest first: their curves come before its own). */

import { get, watch } from '/assets/api.js';
import { el, facts, problemPlace } from '/assets/dom.js';
import { makeJobActions, makeJobFiles } from '/assets/parts/job_actions.js';
import { makeJobCharts } from '/assets/parts/job_charts.js';
import { makeJobCode } from '/assets/parts/job_code.js';
import { makeJobSettings } from '/assets/parts/job_settings.js';
import { makeLivePicture } from '/assets/parts/live_picture.js';
import { GAINS } from '/assets/parts/error_map.js';
import { Series } from '/assets/parts/series.js';
import { count, decibels, duration, ENDED, number, settingsText } from '/assets/words.js';

const REDRAW = 250; /* milliseconds: events come faster than anybody reads */

/* --- words --- */

const STOPPED = {
  steps: 'all steps are done',
  time_limit: 'its time was up',
  target_psnr: 'the PSNR that was asked for is reached',
  early_stop: 'stopped early, where the test PSNR was best',
};

const FAILURES = {
  invalid_data: 'The data cannot be fitted',
  diverged: 'The fit diverged: its numbers grew beyond all bounds',
  time_limit: 'It ran into the service’s own limit of time',
  out_of_memory: 'It needed more memory than there is',
  crashed: 'Its process crashed, and again when it was tried anew',
  lost: 'It was lost',
};

const ADVICE = {
  diverged: 'A smaller learning rate, or the optimizer adam, helps as a rule.',
  out_of_memory: 'A smaller batch or network needs less.',
  time_limit: 'Ask for fewer steps, or give it a time limit of its own.',
};

const PHASES = { loading: 'Reading the data', tuning: 'Choosing settings from the data', training: 'Training', evaluating: 'Measuring the result', saving: 'Saving the field' };

function failureText({ class: name, detail }) {
  return [`${FAILURES[name] ?? name}.`, detail && detail !== name ? `${detail[0].toUpperCase()}${detail.slice(1)}.` : '', ADVICE[name]].filter(Boolean).join(' ');
}

/* The state in words that change seldom: they are read out. */
function stateText(job) {
  if (job.status === 'queued') return job.queue_position ? `Queued, number ${job.queue_position} in the queue` : 'Queued';
  if (job.status === 'running') return `${job.isCanceling ? 'Stopping' : PHASES[job.phase] ?? 'Starting'}${job.attempt > 1 ? `, attempt ${job.attempt}` : ''}`;
  if (job.status === 'succeeded') return `Succeeded: ${STOPPED[job.stopped_by] ?? 'the field is there'}`;
  return job.status === 'failed' ? 'Failed' : 'Canceled';
}

function progressText(job, rate) {
  const step = `Step ${count(job.step)}${job.steps ? ` of ${count(job.steps)}` : ''}`;
  if (job.status !== 'running') return step;
  return [step, rate && `${number(rate, 3)} steps/s`, job.eta_seconds !== null && job.eta_seconds !== undefined && `${duration(job.eta_seconds)} to go`].filter(Boolean).join(' · ');
}

function numbersOf({ metrics = {}, ...job }, seconds) {
  const share = (v) => (v === undefined || v === null ? null : v.toFixed(4));
  const level = (v) => (v === undefined || v === null ? null : decibels(v));
  return [
    ['PSNR', level(metrics.psnr)],
    ['Test PSNR', level(metrics.test_psnr)],
    [job.task === 'ct' || job.task === 'mri' ? 'Classic inverse' : 'Interpolation', level(metrics.baseline_psnr)],
    ['SSIM', share(metrics.ssim)],
    ['IoU', share(metrics.iou_uniform)],
    ['IoU at the surface', share(metrics.iou_boundary)],
    ['Distance error', metrics.distance_error !== undefined ? number(metrics.distance_error) : null],
    ['Residual', metrics.residual !== undefined ? number(metrics.residual) : null],
    ['Best step', metrics.best_step !== undefined ? count(metrics.best_step) : null],
    ['Loss', metrics.loss !== undefined ? number(metrics.loss) : null],
    ['Training time', seconds ? duration(seconds) : null],
  ];
}

/* --- the page --- */

/* null for what has been deleted. */
function orGone(error) {
  if (error.status === 404) return null;
  throw error;
}

class JobPage {
  constructor(page, { job, dataset, earlier }) {
    Object.assign(this, { page, job, dataset, earlier });
    this.hasLearned = false; /* is there a field to look at? */
    this.series = page.place.series = new Series();
    this.seconds = 0;
    this.timer = null;
  }

  build() {
    const { page, job, dataset } = this;
    const name = (this.name = dataset?.name || job.dataset_id);
    const problem = (this.problem = problemPlace());
    const given = { page, dataset, problem, hasField: () => this.hasLearned };
    this.actions = makeJobActions({ ...given, earlier: this.earlier.map((e) => e.id), onChange: (next) => this.hear(next) });
    this.files = makeJobFiles(given);
    this.charts = makeJobCharts({
      task: job.task,
      view: { axis: page.query.get('axis') === 'steps' ? 'steps' : 'seconds', scale: page.query.get('scale') === 'log' ? 'log' : 'linear' },
      onView: ({ axis, scale }) => page.remember({ axis: axis === 'steps' ? axis : null, scale: scale === 'log' ? scale : null }),
    });
    this.live = makeLivePicture({
      job, dataset, signal: page.signal,
      gain: GAINS.find((g) => String(g) === page.query.get('gain')) ?? 1,
      onGain: (gain) => page.remember({ gain: gain === 1 ? null : gain }),
    });
    this.settings = makeJobSettings([this.files.element, makeJobCode(job.id)]);
    this.state = el('p', { class: 'job-state', role: 'status' });
    this.steps = el('p', { class: 'hint steps' });
    this.bar = el('progress', { max: 1, value: 0, 'aria-label': 'Progress of the training' });
    this.cut = el('p', { class: 'warning', role: 'status', hidden: true });
    this.failure = el('p', { class: 'problem', role: 'alert', hidden: true });
    this.numbers = el('div');
    const from = this.earlier[0];
    page.place.append(
      el('div', { class: 'head' },
        el('div', {}, el('h1', {}, dataset ? el('a', { class: 'quiet', href: `#/datasets/${dataset.id}` }, name) : name),
          el('p', { class: 'sub' }, `${job.task} · ${settingsText(job.spec)}`, from && [' · goes on from ', el('a', { href: `#/jobs/${from.id}` }, `step ${count(from.step)}`)])),
        this.actions.element),
      el('div', { class: 'progress' }, el('div', { class: 'progress-words' }, this.state, this.steps), this.bar),
      problem, this.cut, this.failure, this.numbers, this.live.element, this.charts.element, this.settings.element);
    page.onLeave(() => {
      clearTimeout(this.timer);
      this.charts.close();
      this.live.close();
    });
  }

  draw() {
    const { job, series } = this;
    const ended = ENDED.has(job.status);
    if (this.state.textContent !== stateText(job)) this.state.textContent = stateText(job);
    this.state.className = `job-state ${job.status}`;
    this.page.title(job.status === 'running' ? `${Math.floor(100 * (job.progress ?? 0))} % ${this.name}` : this.name);
    this.steps.textContent = progressText(job, series.stepsPerSecond());
    this.bar.value = job.status === 'succeeded' ? 1 : job.progress ?? 0;
    this.bar.hidden = ended && job.status !== 'succeeded' && !job.step;
    this.failure.hidden = !job.error;
    this.failure.textContent = job.error ? failureText(job.error) : '';
    this.numbers.replaceChildren(facts(numbersOf(job, this.seconds)));
    this.actions.draw(job);
    this.files.draw(job);
    this.settings.draw(job);
    this.charts.draw(job, this.before ? this.withEarlier() : series);
  }

  withEarlier() {
    const all = new Series();
    all.addAll(this.series.lines);
    this.before.forEach((series) => all.addEarlier(series));
    return all;
  }

  drawSoon() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      if (!this.page.signal.aborted && !document.hidden) this.draw();
    }, REDRAW);
  }

  /* News of the job; what is not said stays. */
  hear(news) {
    this.job = { ...this.job, ...news };
    this.drawSoon();
  }

  measure(points) {
    const metrics = { ...this.job.metrics };
    for (const [key, step, value, seconds] of points) {
      this.series.add(key, step, value, seconds);
      metrics[key] = value;
      this.seconds = Math.max(this.seconds, seconds);
    }
    this.hear({ metrics });
  }

  /* What no event tells: the place in the queue, what was chosen and forecast. */
  async read() {
    try {
      const job = await get(`/v1/jobs/${this.job.id}`, { signal: this.page.signal });
      const { queue_position, spec, tuning, forecast, started_at, finished_at } = job;
      this.hear(ENDED.has(job.status) ? job : { queue_position, spec, tuning, forecast, started_at, finished_at });
    } catch (error) {
      if (error.status === 404) this.isGone();
    }
  }

  isGone() {
    this.endWatch?.();
    this.cut.textContent = 'This job was deleted. What is seen here is what was known of it.';
    this.cut.hidden = false;
    this.actions.element.hidden = this.files.element.hidden = true;
  }

  connection(isUp) {
    this.cut.textContent = isUp ? '' : 'No connection to the service. This page goes on by itself when there is one.';
    this.cut.hidden = isUp;
  }

  /* All of it, once it is over: points that two attempts made are then as the store has them.  Where the service
   * cannot be asked now, it is asked again. */
  async finish() {
    try {
      await this.learnAll();
      this.connection(true);
    } catch (error) {
      if (this.page.signal.aborted) return;
      if (error.status === 404) this.isGone();
      else if (error.status && error.status !== 429 && error.status < 500) this.problem.say(error);
      else setTimeout(() => this.page.signal.aborted || this.finish(), 3000);
    }
    this.draw();
  }

  async learnAll() {
    const options = { signal: this.page.signal };
    this.hear(await get(`/v1/jobs/${this.job.id}`, options));
    const mayHaveField = this.hasLearned || this.job.status === 'succeeded'; /* it may have been deleted since */
    const [{ series }, field] = await Promise.all([
      get(`/v1/jobs/${this.job.id}/metrics`, options),
      mayHaveField ? get(`/v1/fields/${this.job.field_id}`, options).catch(orGone) : null,
    ]);
    this.series.addAll(series);
    this.hasLearned = field !== null;
    this.seconds = Math.max(this.seconds, ...Object.values(series).map((points) => points.at(-1)?.[2] ?? 0));
    if (field) this.live.final(field.step);
  }

  follow() {
    this.endWatch = watch(this.job.id, {
      state: ({ status, attempt }) => {
        if (ENDED.has(this.job.status)) return; /* old news, like the progress of one that has ended */
        this.hear({ status, attempt });
        if (status === 'running') this.read();
      },
      progress: (news) => {
        if (ENDED.has(this.job.status)) return;
        const isNewPhase = news.phase !== this.job.phase;
        this.seconds = Math.max(this.seconds, news.seconds);
        this.hear(news);
        if (isNewPhase) this.read();
      },
      metric: ({ points }) => this.measure(points),
      snapshot: ({ step }) => {
        this.hasLearned = true;
        if (!ENDED.has(this.job.status)) this.live.snapshot(String(step), this.seconds);
        this.drawSoon();
      },
      done: ({ status, stopped_by, error }) => {
        this.hear({ status, stopped_by, error, phase: null, eta_seconds: null });
        this.finish();
      },
      connection: (isUp) => this.connection(isUp),
      end: (status) => (status === 404 ? this.isGone() : status === 204 && this.finish()),
    });
    this.page.onLeave(this.endWatch);
  }

  async open() {
    this.build();
    this.draw();
    if (this.job.status === 'succeeded') await this.finish();
    else this.follow(); /* one that failed or was canceled tells whether it left a field */
    this.page.every(5000, async () => {
      this.live.look();
      const { status, forecast } = this.job;
      const isAwaited = status === 'queued' || !forecast || (forecast.method && !forecast.revised);
      if (isAwaited && !ENDED.has(status)) await this.read();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return;
      this.live.look();
      this.drawSoon();
      this.read();
    }, { signal: this.page.signal });
    this.learnEarlier();
  }

  async learnEarlier() {
    if (!this.earlier.length) return;
    const all = await Promise.all(this.earlier.map((e) => get(`/v1/jobs/${e.id}/metrics`, { signal: this.page.signal }).catch(() => ({ series: {} }))));
    this.before = all.map((answer) => answer.series); /* the latest first */
    this.drawSoon();
  }
}

const MOST_EARLIER = 20; /* jobs that an address may ask for */

async function earlierJobs(page) {
  const ids = (page.query.get('after') ?? '').split(',').filter((id) => /^job_\w+$/.test(id)).slice(0, MOST_EARLIER);
  const jobs = await Promise.all(ids.map((id) => get(`/v1/jobs/${id}`, { signal: page.signal }).catch(() => null)));
  return jobs.filter(Boolean);
}

export async function open(page) {
  const job = await get(`/v1/jobs/${page.id}`, { signal: page.signal }).catch((error) => {
    throw error.status === 404 ? new Error('There is no such job: it may have been deleted.') : error;
  });
  const [dataset, earlier] = await Promise.all([
    get(`/v1/datasets/${job.dataset_id}`, { signal: page.signal }).catch(() => null),
    earlierJobs(page),
  ]);
  await new JobPage(page, { job, dataset, earlier }).open();
}
