/* A view onto a field: the visible region is asked of the service at the screen's own resolution, so that
 * zooming in shows the field between the pixels it was trained on, not enlarged pixels. */

import { send } from '/assets/session.js';

const MAX_ZOOM = 64; /* screen pixels for one picture pixel */

export class Viewer {
  constructor(canvas, note) {
    this.canvas = canvas;
    this.note = note;
    this.field = null; /* { id, version, width, height } */
    this.original = null; /* ImageBitmap of the data, shown while `showOriginal` */
    this.showOriginal = false;
    this.rendered = null; /* { bitmap, box }: the last answer and the region it shows */
    this.view = null; /* { x, y, scale }: picture coordinates of the centre, screen pixels per picture pixel */
    this.pending = null;
    this.listen();
    new ResizeObserver(() => this.changed()).observe(canvas);
  }

  /* Show a field of a picture of this size; null shows nothing. */
  open(field) {
    this.abort();
    this.field = field;
    this.original = null;
    this.rendered = null;
    this.view = null;
    if (field) this.fit();
    this.draw();
  }

  /* The field has changed (a snapshot): ask again, keeping the view. */
  refresh(version) {
    if (!this.field) return;
    this.field.version = version;
    this.request();
  }

  fit() {
    const { width, height } = this.field;
    const scale = Math.min(this.canvas.clientWidth / width, this.canvas.clientHeight / height) || 1;
    this.view = { x: width / 2, y: height / 2, scale };
    this.fitted = true;
    this.changed();
  }

  zoom(factor, at) {
    if (!this.field) return;
    const rect = this.canvas.getBoundingClientRect();
    const px = at ? at.clientX - rect.left - rect.width / 2 : 0;
    const py = at ? at.clientY - rect.top - rect.height / 2 : 0;
    const least = Math.min(rect.width / this.field.width, rect.height / this.field.height) / 4;
    const scale = Math.min(MAX_ZOOM, Math.max(least, this.view.scale * factor));
    this.view.x += px / this.view.scale - px / scale;
    this.view.y += py / this.view.scale - py / scale;
    this.view.scale = scale;
    this.fitted = false;
    this.changed();
  }

  move(dx, dy) {
    if (!this.field) return;
    this.view.x = Math.min(this.field.width, Math.max(0, this.view.x - dx / this.view.scale));
    this.view.y = Math.min(this.field.height, Math.max(0, this.view.y - dy / this.view.scale));
    this.fitted = false;
    this.changed();
  }

  listen() {
    let last = null;
    this.canvas.addEventListener('pointerdown', (e) => {
      last = e;
      this.canvas.setPointerCapture(e.pointerId);
    });
    this.canvas.addEventListener('pointermove', (e) => {
      if (!last) return;
      this.move(e.clientX - last.clientX, e.clientY - last.clientY);
      last = e;
    });
    for (const end of ['pointerup', 'pointercancel']) this.canvas.addEventListener(end, () => (last = null));
    this.canvas.addEventListener('wheel', (e) => {
      e.preventDefault();
      this.zoom(Math.exp(-e.deltaY * 0.0015), e);
    }, { passive: false });
    this.canvas.addEventListener('dblclick', (e) => this.zoom(2, e));
    this.canvas.addEventListener('keydown', (e) => {
      const keys = {
        '+': () => this.zoom(1.5), '=': () => this.zoom(1.5), '-': () => this.zoom(1 / 1.5), 0: () => this.fit(),
        ArrowLeft: () => this.move(60, 0), ArrowRight: () => this.move(-60, 0),
        ArrowUp: () => this.move(0, 60), ArrowDown: () => this.move(0, -60),
      };
      if (!this.field || !keys[e.key]) return;
      e.preventDefault();
      keys[e.key]();
    });
  }

  changed() {
    if (this.field && this.fitted) {
      const { width, height } = this.field;
      this.view.scale = Math.min(this.canvas.clientWidth / width, this.canvas.clientHeight / height) || 1;
    }
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.request(), 120);
  }

  /* The visible part of the picture: box in picture coordinates, size in device pixels. */
  visible() {
    const { width, height } = this.field;
    const ratio = window.devicePixelRatio || 1;
    const halfW = this.canvas.clientWidth / 2 / this.view.scale;
    const halfH = this.canvas.clientHeight / 2 / this.view.scale;
    const x0 = Math.max(0, this.view.x - halfW), x1 = Math.min(width, this.view.x + halfW);
    const y0 = Math.max(0, this.view.y - halfH), y1 = Math.min(height, this.view.y + halfH);
    return {
      box: [x0, y0, x1, y1],
      width: Math.max(1, Math.round((x1 - x0) * this.view.scale * ratio)),
      height: Math.max(1, Math.round((y1 - y0) * this.view.scale * ratio)),
    };
  }

  abort() {
    this.pending?.abort();
    this.pending = null;
  }

  async request() {
    if (!this.field || !this.field.version || !this.canvas.clientWidth) return;
    this.abort();
    const { box, width, height } = this.visible();
    if (box[2] <= box[0] || box[3] <= box[1]) return;
    const pending = (this.pending = new AbortController());
    const url = `/v1/fields/${this.field.id}/image?bbox=${box.join(',')}&width=${width}&height=${height}`;
    try {
      const response = await send(url, { signal: pending.signal });
      if (!response.ok) return;
      const bitmap = await createImageBitmap(await response.blob());
      if (pending.signal.aborted) return;
      this.rendered = { bitmap, box };
      this.draw();
    } catch (e) {
      if (e.name !== 'AbortError') this.note.textContent = 'the picture could not be fetched';
    } finally {
      if (this.pending === pending) this.pending = null;
    }
  }

  draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
    }
    const g = canvas.getContext('2d');
    g.clearRect(0, 0, w, h);
    if (!this.field || !this.view) {
      this.note.textContent = '';
      return;
    }
    const s = this.view.scale * ratio;
    const place = (bitmap, [x0, y0, x1, y1]) =>
      g.drawImage(bitmap, w / 2 + (x0 - this.view.x) * s, h / 2 + (y0 - this.view.y) * s, (x1 - x0) * s, (y1 - y0) * s);
    if (this.showOriginal && this.original) {
      g.imageSmoothingEnabled = this.view.scale < 1;
      place(this.original, [0, 0, this.field.width, this.field.height]);
    } else if (this.rendered) {
      g.imageSmoothingEnabled = true;
      place(this.rendered.bitmap, this.rendered.box);
    }
    const zoom = `${Number(this.view.scale.toPrecision(3))}×`;
    const what = this.showOriginal ? 'original pixels' : this.rendered ? 'field' : 'waiting for the first snapshot';
    this.note.textContent = `${what} · ${zoom}`;
  }
}
