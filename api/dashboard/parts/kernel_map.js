/* A kernel of two dimensions as a picture. */

/* From dark blue over green to yellow, dark to light evenly (after viridis, Smith and van der Walt 2015). */
const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

export function colourOf(t) {
  const at = Math.min(Math.max(t, 0), 1) * (STOPS.length - 1);
  const i = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[i].map((v, c) => Math.round(v + (STOPS[i + 1][c] - v) * (at - i)));
}

/* kernel: [n][n], of the domain's places with its middle; painted from its least value to its largest. */
export function paintKernel(canvas, kernel) {
  const n = kernel.length;
  const all = kernel.flat();
  const low = Math.min(...all);
  const high = Math.max(...all);
  canvas.width = canvas.height = n;
  const g = canvas.getContext('2d');
  const image = g.createImageData(n, n);
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      const v = kernel[y][x];
      image.data.set([...colourOf(high > low ? (v - low) / (high - low) : 0), 255], 4 * (y * n + x));
    }
  }
  g.putImageData(image, 0, 0);
  canvas.setAttribute('aria-label', `Kernel in two dimensions, from ${low.toPrecision(3)} to ${high.toPrecision(3)}`);
}
