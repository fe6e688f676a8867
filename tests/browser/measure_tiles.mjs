/* How long tiles take while somebody zooms and pans in a grid fit: FARFIELD=… node tests/browser/measure_tiles.mjs PICTURE
 * On an idle machine; from the request to the last byte, as the browser has it. */

import { closeBrowser, openPage, startService } from './harness.mjs';
import { loadavg } from 'node:os';

const TILES = 100;
const WALK = ['+', '+', 'ArrowRight', '+', '+', 'ArrowUp', '+', 'ArrowLeft', '+', '+', 'ArrowDown', '-', 'ArrowRight', '-', '-', 'ArrowUp', '-', '-'];

const service = await startService();
const dataset = await service.upload(process.argv[2], 'image');
const { field_id: field } = await service.fit({ dataset_id: dataset.id, preset: 'fast' });
const page = await openPage(service, { path: `#/fields/${field}?mode=field` });
const loaded = () => page.waitForFunction(() => document.querySelector('.pane')?.getAttribute('aria-busy') === 'false');
const tiles = () => page.evaluate(() => performance.getEntriesByType('resource').filter((e) => e.name.includes('/dzi/'))
  .map((e) => ({ all: e.duration, served: e.responseEnd - e.requestStart })));
await loaded();
await page.locator('.pane').focus();
for (let i = 0; (await tiles()).length < TILES && i < 20 * WALK.length; i++) {
  await page.keyboard.press(WALK[i % WALK.length]);
  await page.waitForFunction((before) => location.hash !== before, await page.evaluate(() => location.hash)).catch(() => {});
  await loaded();
}
const entries = await tiles();
for (const key of ['served', 'all']) {
  const sorted = entries.map((e) => e[key]).sort((a, b) => a - b);
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(0);
  console.log(`${key === 'all' ? 'with waiting in the browser' : 'request to last byte'}: ${sorted.length} tiles, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms`);
}
console.log(`load average ${loadavg()[0].toFixed(1)}`);
await closeBrowser();
await service.stop();
