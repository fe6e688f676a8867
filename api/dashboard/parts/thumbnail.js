/* Small pictures in rows: each is asked for when its row comes into view, and no more than a few at once. */

import { el } from '/assets/dom.js';
import { showPicture } from '/assets/api.js';

const AT_ONCE = 3;
export const WIDTH = 128; /* pixels asked for: shown at half of that, sharp on dense screens */

/* const pictures = new Thumbnails(page)
 * pictures.make(choose, letter)  an element; choose(): the path of the picture, null for none (or a promise of one),
 *                                asked when it is seen; `letter` stands there meanwhile, and where there is none
 * element.renew()                what it shows has changed */
export class Thumbnails {
  constructor(page) {
    this.signal = page.signal;
    this.waiting = [];
    this.busy = 0;
    this.observer = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.want(target);
    }, { rootMargin: '120px' });
    page.onLeave(() => this.observer.disconnect());
  }

  make(choose, letter) {
    const place = el('span', { class: 'thumbnail', 'aria-hidden': 'true' }, letter);
    place.choose = choose;
    place.renew = () => this.observer.observe(place);
    place.renew();
    return place;
  }

  want(place) {
    this.observer.unobserve(place);
    this.waiting.push(place);
    this.next();
  }

  async next() {
    if (this.busy >= AT_ONCE || !this.waiting.length || this.signal.aborted) return;
    this.busy++;
    await this.show(this.waiting.shift()).catch(() => {});
    this.busy--;
    this.next();
  }

  async show(place) {
    if (!place.isConnected) return;
    const path = await place.choose();
    if (!path || path === place.path) return;
    const img = el('img', { alt: '', decoding: 'async' });
    await showPicture(img, path, { signal: this.signal });
    await img.decode();
    place.path = path;
    place.replaceChildren(img);
  }
}
