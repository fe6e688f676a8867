/* Numbers and states in words. */

export const ENDED = new Set(['succeeded', 'failed', 'canceled']);

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 59.5) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(n) {
  if (n === null || n === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i ? n.toPrecision(3) : n} ${units[i]}`;
}

export const decibels = (v) => (v === null || v === undefined ? '–' : `${v.toFixed(2)} dB`);

/* To so many digits, without the tail of zeros. */
export function number(v, digits = 4) {
  if (v === null || v === undefined || !Number.isFinite(v)) return '–';
  if (v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e6)) return v.toExponential(digits - 1);
  return String(Number(v.toPrecision(digits)));
}

export const count = (n) => (n === null || n === undefined ? '–' : n.toLocaleString('en'));

/* "2026-11-30 10:39" in the reader's own time. */
export function moment(text) {
  if (!text) return '–';
  const t = new Date(text);
  const two = (n) => String(n).padStart(2, '0');
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}`;
}

/* The one figure a fit is judged by: [name, value], or null. */
export function quality(metrics = {}) {
  for (const [key, name] of [['test_psnr', 'Test PSNR'], ['psnr', 'PSNR'], ['iou_uniform', 'IoU']]) {
    if (metrics[key] !== undefined && metrics[key] !== null) return { key, name, value: metrics[key] };
  }
  return null;
}

export function qualityText(metrics) {
  const q = quality(metrics);
  if (!q) return '';
  return q.key === 'iou_uniform' ? `IoU ${q.value.toFixed(4)}` : decibels(q.value);
}

export function stateOf(job) {
  if (job.status === 'queued') return job.queue_position ? `queued, number ${job.queue_position}` : 'queued';
  if (job.status === 'running') {
    const eta = job.eta_seconds === null || job.eta_seconds === undefined ? '' : `, ${duration(job.eta_seconds)} to go`;
    return `${job.phase || 'running'}, step ${count(job.step)}${eta}`;
  }
  if (job.status === 'failed') return `failed: ${job.error?.class ?? ''}`;
  return `${job.status}, ${count(job.step)} steps`;
}

/* "gaussian, σ 10, 256 frequencies · 3 × 256 relu" */
export function settingsText(spec) {
  const e = spec?.field?.encoding;
  const n = spec?.field?.network;
  if (!e || !n) return '';
  const parts = [e.type];
  if (e.sigma !== undefined) parts.push(`σ ${number(e.sigma, 3)}`);
  if (e.scale !== undefined) parts.push(`scale ${number(e.scale, 3)}`);
  if (e.n_frequencies !== undefined) parts.push(`${e.n_frequencies} frequencies`);
  if (e.n_octaves !== undefined) parts.push(`${e.n_octaves} octaves`);
  if (e.n_levels !== undefined) parts.push(`${e.n_levels} levels`);
  return `${parts.join(', ')} · ${n.n_hidden_layers} × ${n.width} ${n.activation}`;
}
