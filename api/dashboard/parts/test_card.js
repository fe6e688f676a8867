/* A picture for those who have none at hand, painted here: a ring pattern whose frequency grows outwards, a soft sky and
 * sharp letters, so that one sees which frequencies a mapping learns, and when.
 *
 *   await makeTestCard()   a File, PNG */

const [WIDTH, HEIGHT] = [384, 256];
const [X, Y, RADIUS] = [128, 128, 116]; /* of the rings */

function paintSky(g) {
  const sky = g.createLinearGradient(0, 0, WIDTH, HEIGHT);
  for (const [at, colour] of [[0, '#0b3d5c'], [0.55, '#e08a4f'], [1, '#f7e3b5']]) sky.addColorStop(at, colour);
  g.fillStyle = sky;
  g.fillRect(0, 0, WIDTH, HEIGHT);
}

/* Phase grows with the square of the radius: at the rim a ring is four pixels wide. */
function paintRings(g) {
  const image = g.getImageData(X - RADIUS, Y - RADIUS, 2 * RADIUS, 2 * RADIUS);
  for (let i = 0; i < image.data.length; i += 4) {
    const [x, y] = [(i / 4) % (2 * RADIUS) - RADIUS + 0.5, Math.floor(i / 8 / RADIUS) - RADIUS + 0.5];
    const r2 = x * x + y * y;
    if (r2 > RADIUS * RADIUS) continue;
    const light = 127.5 + 120 * Math.cos((Math.PI * r2) / (4 * RADIUS));
    for (let c = 0; c < 3; c++) image.data[i + c] = light;
  }
  g.putImageData(image, X - RADIUS, Y - RADIUS);
}

function paintLetters(g) {
  g.fillStyle = '#08201a';
  [[34, 'farfield'], [20, 'neural fields'], [13, 'sharp edges and'], [9, 'letters of nine pixels']].reduce((y, [size, text]) => {
    g.font = `600 ${size}px system-ui, sans-serif`;
    g.fillText(text, 252, y + size, WIDTH - 258);
    return y + 1.45 * size;
  }, 60);
}

export async function makeTestCard() {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const g = canvas.getContext('2d', { alpha: false });
  paintSky(g);
  paintRings(g);
  paintLetters(g);
  const png = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  return new File([png], 'test card.png', { type: 'image/png' });
}
