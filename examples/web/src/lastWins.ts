type Job = () => Promise<void>;

/** Runs jobs one after another. Of those that wait, only the last one is run. */
export function lastWins(): (job: Job) => Promise<void> {
  let running = false;
  let waiting: Job | null = null;
  return async (job) => {
    waiting = job;
    if (running) return;
    running = true;
    try {
      while (waiting) {
        const next: Job = waiting;
        waiting = null;
        await next();
      }
    } finally {
      running = false;
    }
  };
}
