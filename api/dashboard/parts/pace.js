/* When the next picture of a field in training is due.
 *
 * A picture costs the service about as much as some training steps, and a page may stay open for hours.  So pictures
 * come quickly while everything changes quickly: the next one is due when the training time has grown by a tenth, at
 * the earliest after two seconds.  And where pictures are dear (a large network, many samples along a ray) they have to
 * be earned: a page begins with a credit and gets a small share of the passing time. */
const GROWTH = 1.1;
const LEAST = 2; /* seconds between two */
const CREDIT = 15; /* seconds of the service's work */
const SHARE = 1 / 300; /* of the passing time */

export class Pace {
  constructor(now = performance.now() / 1000) {
    this.credit = CREDIT;
    this.looked = this.painted = now; /* clock, when the credit was counted and when a picture came */
    this.trained = null; /* seconds of training behind the last picture */
  }

  /* trained: seconds of training so far. */
  isDue(trained, now = performance.now() / 1000) {
    this.credit = Math.min(CREDIT, this.credit + SHARE * (now - this.looked));
    this.looked = now;
    if (this.trained === null) return true;
    return trained >= GROWTH * this.trained && now >= this.painted + LEAST && this.credit > 0;
  }

  /* A picture has come, and took so many seconds. */
  spent(seconds, trained, now = performance.now() / 1000) {
    this.credit -= 2 * seconds; /* its cores are busy at the same time: at least two, as a rule */
    this.painted = now;
    this.trained = trained;
  }
}
