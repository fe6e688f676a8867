/* When the next picture of a field in training is due.
 *
 * A picture costs the service about as much as some training steps, and a page may stay open for hours.  So the next
 * one is due when the training time has grown by a part of itself, at the earliest after two seconds; and after the
 * first few, not before a hundred times as long as one takes at best (others waited for something): dear pictures (a
 * large network, many samples along a ray) come rarely. */
const GROWTH = 1.15;
const LEAST = 2; /* seconds between two */
const FIRST = 8; /* pictures that come quickly, as everything changes quickly then */
const PATIENCE = 100;

const clock = () => performance.now() / 1000;

export class Pace {
  constructor() {
    this.n = 0;
    this.cost = Infinity; /* seconds */
    this.trained = 0; /* seconds of training behind the last picture */
    this.next = 0; /* clock */
  }

  /* trained: seconds of training so far. */
  isDue(trained, now = clock()) {
    return this.n === 0 || (trained >= GROWTH * this.trained && now >= this.next);
  }

  /* A picture has come, and took so many seconds. */
  spent(seconds, trained, now = clock()) {
    this.n++;
    this.cost = Math.min(this.cost, seconds);
    this.trained = trained;
    this.next = now + Math.max(LEAST, this.n < FIRST ? 0 : PATIENCE * this.cost);
  }
}
