/* A picture far past its resolution: deep zoom by OpenSeadragon over tiles that the field computes, and the original
 * over it, as far as it is uncovered.  Places are in source coordinates (pixels of the data, the first one's centre at
 * 0.5, 0.5); zoom is in screen pixels a pixel of the data.
 *
 *   const pane = await makePane(place, { width, height, label, onMove, onRest, onPoint })     place: in the document
 *     onMove(look)      while it moves; onRest(look) when it has come to rest
 *     onPoint([x, y])   what the pointer, or the cross in the middle that the keys move, is on; null outside
 *   pane.element
 *   pane.show(tileUrl, { stay })   tilesOf(field, channel), or null where the field itself is not to be seen
 *   pane.cover(original, part)     the left part (0..1) shows the original (parts/original.js); null: none
 *   pane.remembered(look) → { x, y, zoom } for the address: null each where the whole is seen
 *   pane.look() → { x, y, zoom }, pane.lookAt(look), pane.whole(), pane.zoomBy(factor)
 *   pane.region() → [x0, y0, x1, y1] in view, within the data, and its size on the screen { width, height }
 *   pane.close() */

import { el } from '/assets/dom.js';
import { headers } from '/assets/session.js';
import { openSeadragon } from '/assets/parts/library.js';

const TILE = 256;
const DEPTH = 7; /* the deepest tiles have 2^7 pixels a pixel of the data */
const REST_MS = 150;
const MARGIN = 0.9; /* of the view is filled by the whole picture, zoomed out as far as it goes */

/* The address of a tile by its level of Deep Zoom, column and row.  What a training field shows goes by its step. */
export function tilesOf(field, channel = 'value') {
  const query = new URLSearchParams({ v: field.sha256?.slice(0, 16) ?? field.step, ...(channel === 'value' ? {} : { channel }) });
  return (level, column, row) => `/dzi/${field.id}_files/${level}/${column}_${row}.png?${query}`;
}

/* What OpenSeadragon takes for a picture of 2^DEPTH times the size: Deep Zoom, whose levels do not depend on it.
 * least: the zoom at which the whole is in view; coarser levels than it needs would only cost. */
function sourceOf(width, height, least, getTileUrl) {
  const scale = 2 ** DEPTH;
  const own = Math.ceil(Math.log2(Math.max(width, height)));
  const minLevel = Math.min(Math.max(own + Math.floor(Math.log2(2 * least)), 0), own);
  return { width: width * scale, height: height * scale, tileSize: TILE, tileOverlap: 1, minLevel, getTileUrl };
}

export async function makePane(place, { width, height, label, onMove = () => {}, onRest = () => {}, onPoint = () => {} }) {
  const OpenSeadragon = await openSeadragon();
  const canvas = el('canvas', { class: 'over', 'aria-hidden': 'true' });
  const cross = el('span', { class: 'cross', 'aria-hidden': 'true' });
  const ground = el('div', { class: 'ground' });
  const keys = 'Arrow keys move, with Shift by single pixels; plus and minus zoom; 0 shows the whole picture.';
  const element = el('div', { class: 'pane', tabIndex: 0, role: 'application', 'aria-label': `${label}. ${keys}` }, ground, canvas, cross);
  place.append(element);
  const instantly = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const viewer = OpenSeadragon({
    element: ground,
    drawer: 'canvas',
    showNavigationControl: false,
    keyboardNavEnabled: false,
    tabIndex: -1,
    loadTilesWithAjax: true,
    ajaxHeaders: headers(),
    imageLoaderLimit: 4,
    maxTilesPerFrame: 4,
    animationTime: instantly ? 0 : 0.4,
    blendTime: 0,
    immediateRender: true,
    smoothTileEdgesMinZoom: Infinity,
    minZoomImageRatio: MARGIN,
    maxZoomPixelRatio: 1,
    visibilityRatio: 0.3,
    preserveImageSizeOnResize: true,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true, flickEnabled: false },
    gestureSettingsTouch: { flickEnabled: false },
    zoomPerScroll: 1.25,
  });
  const viewport = () => viewer.viewport;
  const point = (x, y) => new OpenSeadragon.Point(x, y);
  /* As the viewport knows it: a resized element is told to it a frame later. */
  const span = () => viewport().getContainerSize().x || 1;
  const rise = () => viewport().getContainerSize().y || 1;

  function look(current = true) {
    const centre = viewport().getCenter(current);
    return { x: centre.x * width, y: centre.y * width, zoom: (viewport().getZoom(current) * span()) / width };
  }

  function lookAt({ x, y, zoom }, immediately = true) {
    const limit = Math.min(Math.max(zoom, viewport().getMinZoom() * span() / width), 2 ** DEPTH);
    viewport().zoomTo((limit * width) / span(), null, immediately);
    viewport().panTo(point(x / width, y / width), immediately);
    if (immediately) drawSoon();
  }

  /* Of the element's own pixels, to the source and back. */
  function toSource(px, py, at = look()) {
    return [at.x + (px - span() / 2) / at.zoom, at.y + (py - rise() / 2) / at.zoom];
  }

  /* --- the original over the field --- */

  let original = null;
  let part = 0;
  let drawing = false;

  function draw() {
    drawing = false;
    if (!element.isConnected) return;
    const at = look();
    const ratio = devicePixelRatio;
    const [w, h] = [ground.clientWidth, ground.clientHeight];
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
    }
    const g = canvas.getContext('2d');
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, canvas.width, canvas.height);
    if (original && part > 0) drawOriginal(g, at, w, h, ratio);
  }

  /* The pixels in view, as they are: not smoothed where they are magnified. */
  function drawOriginal(g, at, w, h, ratio) {
    const { bitmap } = original;
    const sx = bitmap.width / width;
    const sy = bitmap.height / height;
    const [left, top] = toSource(0, 0, at);
    const [right, bottom] = toSource(w * part, h, at);
    const x0 = Math.max(Math.floor(left * sx), 0);
    const y0 = Math.max(Math.floor(top * sy), 0);
    const x1 = Math.min(Math.ceil(right * sx), bitmap.width);
    const y1 = Math.min(Math.ceil(bottom * sy), bitmap.height);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.beginPath();
    g.rect(0, 0, w * part, h);
    g.save();
    g.clip();
    g.fillStyle = getComputedStyle(element).backgroundColor;
    g.fillRect(0, 0, w * part, h);
    g.imageSmoothingEnabled = at.zoom / sx < 1;
    g.imageSmoothingQuality = 'high';
    if (x1 > x0 && y1 > y0) {
      g.drawImage(bitmap, x0, y0, x1 - x0, y1 - y0, (x0 / sx - left) * at.zoom, (y0 / sy - top) * at.zoom, ((x1 - x0) / sx) * at.zoom, ((y1 - y0) / sy) * at.zoom);
    }
    g.restore();
  }

  function drawSoon() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(draw);
  }

  /* --- moving --- */

  let resting = null;
  let hasTiles = false;
  function moved() {
    if (!hasTiles || !ground.clientWidth) return;
    const at = look();
    Object.assign(element.dataset, { x: at.x.toFixed(3), y: at.y.toFixed(3), zoom: at.zoom.toPrecision(6) });
    draw();
    onMove(at);
    clearTimeout(resting);
    resting = setTimeout(() => element.isConnected && onRest(look()), REST_MS);
  }
  for (const event of ['viewport-change', 'animation', 'resize', 'open']) viewer.addHandler(event, moved);

  function zoomBy(factor) {
    viewport().zoomBy(factor, null, instantly);
    viewport().applyConstraints(instantly);
  }

  const middle = () => inside([look(false).x, look(false).y]);
  const inside = ([x, y]) => (x >= 0 && y >= 0 && x <= width && y <= height ? [x, y] : null);

  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  element.addEventListener('keydown', (e) => {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const way = KEYS[e.key];
    if (way) {
      const step = e.shiftKey ? 1 : Math.max(1, (0.1 * span()) / look(false).zoom);
      viewport().panBy(point((way[0] * step) / width, (way[1] * step) / width), instantly);
      viewport().applyConstraints(instantly);
    } else if (e.key === '+' || e.key === '=') zoomBy(Math.SQRT2);
    else if (e.key === '-') zoomBy(Math.SQRT1_2);
    else if (e.key === '0') viewport().goHome(instantly);
    else return;
    e.preventDefault();
    element.classList.add('by-keys');
    onPoint(middle());
  });
  element.addEventListener('pointermove', (e) => {
    element.classList.remove('by-keys');
    const box = ground.getBoundingClientRect();
    onPoint(inside(toSource(e.clientX - box.left, e.clientY - box.top)));
  });

  /* --- what it shows --- */

  /* The new tiles take the place of the old ones: at once, or with `stay` (a newer version of the same) each once it is
   * there. */
  function show(tileUrl, { stay = false } = {}) {
    const least = Math.min(span() / width, rise() / height);
    const source = sourceOf(width, height, least, tileUrl ?? (() => ''));
    const before = Array.from({ length: viewer.world.getItemCount() }, (_, i) => viewer.world.getItemAt(i));
    return new Promise((resolve, reject) => {
      viewer.addTiledImage({
        tileSource: source,
        opacity: tileUrl ? 1 : 0, /* of what is not seen no tile is asked for */
        success: ({ item }) => {
          const replace = () => {
            if (stay && !item.getFullyLoaded()) return;
            item.removeHandler('fully-loaded-change', replace);
            for (const old of before) viewer.world.removeItem(old);
          };
          if (stay) item.addHandler('fully-loaded-change', replace);
          else replace();
          if (!hasTiles) viewport().goHome(true);
          item.addHandler('fully-loaded-change', ({ fullyLoaded }) => element.setAttribute('aria-busy', String(!fullyLoaded)));
          if (tileUrl) element.setAttribute('aria-busy', String(!item.getFullyLoaded()));
          hasTiles = true;
          moved();
          resolve();
        },
        error: (e) => reject(new Error(e.message ?? 'the tiles could not be opened')),
      });
    });
  }

  /* What a permalink says of a look: nothing of the whole, which is another zoom in another window. */
  function remembered(at) {
    const isWhole = Math.abs(viewport().getZoom(true) / viewport().getHomeZoom() - 1) < 1e-3 && Math.abs(at.x - width / 2) * at.zoom < 1 && Math.abs(at.y - height / 2) * at.zoom < 1;
    if (isWhole) return { x: null, y: null, zoom: null };
    return { x: Number(at.x.toFixed(3)), y: Number(at.y.toFixed(3)), zoom: Number(at.zoom.toPrecision(5)) };
  }

  return {
    element,
    viewer,
    remembered,
    show,
    look,
    lookAt,
    zoomBy,
    middle,
    whole: () => viewport().goHome(instantly),
    cover(picture, share) {
      original = picture;
      part = share;
      drawSoon();
    },
    region() {
      const [left, top] = toSource(0, 0);
      const [right, bottom] = toSource(span(), rise());
      const round = (v) => Number(v.toFixed(4));
      const box = [Math.max(left, 0), Math.max(top, 0), Math.min(right, width), Math.min(bottom, height)].map(round);
      const { zoom } = look();
      const pixels = (length) => Math.max(1, Math.round(length * zoom));
      return { box, width: pixels(box[2] - box[0]), height: pixels(box[3] - box[1]) };
    },
    close() {
      clearTimeout(resting);
      viewer.destroy();
      element.remove();
    },
  };
}

/* Panes that show the same place: moving one moves all.  panes(): those that do; returns what the onMove of each is to
 * call. */
export function linkPanes(panes) {
  return (leader) => {
    if (!panes().includes(leader)) return;
    const at = leader.look();
    for (const pane of panes()) {
      if (pane === leader) continue;
      const its = pane.look();
      const isThere = Math.abs(its.zoom / at.zoom - 1) < 1e-6 && Math.hypot(its.x - at.x, its.y - at.y) * at.zoom < 1e-3;
      if (!isThere) pane.lookAt(at);
    }
  };
}
