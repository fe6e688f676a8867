/* Signals to learn in the kernel explorer: 1/f^alpha noise, as in section 4 of Tancik et al. 2020. */

/* Numbers in (0, 1) that depend on the seed alone (mulberry32). */
function uniform(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/* Box and Muller. */
function normals(seed) {
  const u = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - u())) * Math.cos(2 * Math.PI * u());
}

/* n samples on [0, 1), periodic, of the frequencies below `band`: complex normals times (1 + k)^-alpha; scaled to
 * [-0.5, 0.5]. */
export function noise(n, { alpha, band, seed }) {
  const next = normals(seed + 1);
  const waves = Array.from({ length: band }, (_, k) => {
    const fall = (1 + k) ** -alpha;
    return [k, next() * fall, next() * fall];
  });
  const values = Array.from({ length: n }, (_, i) => waves.reduce((sum, [k, re, im]) => {
    const t = (2 * Math.PI * k * i) / n;
    return sum + re * Math.cos(t) - im * Math.sin(t);
  }, 0));
  const low = Math.min(...values);
  const high = Math.max(...values);
  return values.map((v) => (high > low ? (v - low) / (high - low) - 0.5 : 0));
}
