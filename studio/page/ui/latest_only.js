// What to do when more is asked for than there is time for.

/** Only the latest call counts: while one runs, the next waits, and any between are forgotten. */
export function latestOnly(work) {
  let running = false;
  let waiting = null;
  return async (...args) => {
    waiting = args;
    if (running) return;
    running = true;
    try {
      while (waiting) {
        const now = waiting;
        waiting = null;
        await work(...now);
      }
    } finally {
      running = false;
    }
  };
}
