/* A small line chart on a canvas: value against training seconds. */

function niceStep(range, count) {
  const raw = range / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
}

function ticks(low, high, count) {
  const step = niceStep(high - low || 1, count);
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) out.push(v);
  return out;
}

function label(v, digits = 4) {
  if (v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5)) return v.toExponential(digits > 2 ? 1 : 0);
  return String(Number(v.toPrecision(digits)));
}

/* series: [{ name, points: [[seconds, value], …] }]; logarithmic: values on a log10 axis. */
export function drawChart(canvas, series, { logarithmic = false } = {}) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const g = canvas.getContext('2d');
  g.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name).trim();
  g.font = `11px ${style.fontFamily}`;

  const map = logarithmic ? (v) => Math.log10(Math.max(v, 1e-12)) : (v) => v;
  const all = series.flatMap((s) => s.points);
  if (all.length < 2) {
    g.fillStyle = colour('--soft');
    g.fillText('waiting for data', 10, height / 2);
    return;
  }
  const xHigh = Math.max(...all.map((p) => p[0])) || 1;
  let low = Math.min(...all.map((p) => map(p[1])));
  let high = Math.max(...all.map((p) => map(p[1])));
  const pad = (high - low || 1) * 0.08;
  low -= pad;
  high += pad;
  const box = { left: 46, right: width - 10, top: 8, bottom: height - 22 };
  const x = (s) => box.left + (s / xHigh) * (box.right - box.left);
  const y = (v) => box.bottom - ((v - low) / (high - low)) * (box.bottom - box.top);

  g.strokeStyle = colour('--line');
  g.fillStyle = colour('--soft');
  g.lineWidth = 1;
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  for (const v of ticks(low, high, 4)) {
    g.beginPath();
    g.moveTo(box.left, y(v));
    g.lineTo(box.right, y(v));
    g.stroke();
    g.fillText(logarithmic ? label(10 ** v, 2) : label(v), box.left - 6, y(v));
  }
  g.textAlign = 'center';
  g.textBaseline = 'top';
  for (const s of ticks(0, xHigh, 5)) g.fillText(`${label(s)} s`, Math.min(x(s), box.right - 12), box.bottom + 6);

  series.forEach((line, i) => {
    if (!line.points.length) return;
    g.strokeStyle = colour(i ? '--series-2' : '--series-1');
    g.lineWidth = 2;
    g.lineJoin = 'round';
    g.beginPath();
    line.points.forEach((p, k) => (k ? g.lineTo(x(p[0]), y(map(p[1]))) : g.moveTo(x(p[0]), y(map(p[1])))));
    g.stroke();
    if (series.length > 1) {
      g.fillStyle = g.strokeStyle;
      g.textAlign = 'right';
      g.fillText(line.name.replace('_', ' '), box.right - 4, box.bottom - 16 - 14 * i);
    }
  });
}
