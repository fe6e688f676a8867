/* Something that is asked for again and again while somebody moves: coarse at once, sharper when they rest.  One
 * request at a time; the newest wish wins.
 *
 *   const refiner = makeRefiner({ stages, load, show, fail, pause })
 *     stages     how many times each wish is loaded, the first coarse
 *     load(stage, wish, signal)   a promise of what is to be shown; null: this stage is left out
 *     show(stage, wish, thing)
 *     fail(error)                 what went wrong, but for what was stopped on purpose; null when all is well again
 *     pause      ms of rest before the second stage
 *   refiner.want(wish, first)    first: the stage to begin with, where something is shown already; 0 by default
 *   refiner.close() */
export function makeRefiner({ stages, load, show, fail, pause = 120 }) {
  let wish = null;
  let stage = stages; /* the next one to load of it */
  let changed = 0;
  let isRunning = false;
  let underWay = null;
  let wake = () => {};
  let isClosed = false;
  let hasFailed = false;

  const rest = (ms) => new Promise((resume) => {
    const timer = setTimeout(resume, ms);
    wake = () => {
      clearTimeout(timer);
      resume();
    };
  });

  async function step() {
    const left = changed + pause - performance.now();
    if (stage > 0 && left > 0) return rest(left);
    const mine = wish;
    const at = stage;
    underWay = new AbortController();
    underWay.isCoarse = at === 0;
    const thing = await load(at, mine, underWay.signal);
    if (isClosed) return;
    if (mine === wish) stage = at + 1;
    if (thing === null || (mine !== wish && at > 0)) return; /* a coarse one that is late still shows that it moves */
    show(at, mine, thing);
    if (hasFailed) fail(null);
    hasFailed = false;
  }

  async function run() {
    isRunning = true;
    while (!isClosed && stage < stages) {
      const mine = wish;
      try {
        await step();
      } catch (error) {
        if (mine !== wish) continue;
        stage = stages;
        if (isClosed || error.name === 'AbortError') continue;
        hasFailed = true;
        fail(error);
      }
    }
    isRunning = false;
  }

  return {
    want(next, first = 0) {
      wish = next;
      stage = first;
      changed = performance.now();
      wake();
      if (underWay && !underWay.isCoarse) underWay.abort();
      if (!isRunning && !isClosed) run();
    },
    close() {
      isClosed = true;
      underWay?.abort();
      wake();
    },
  };
}
