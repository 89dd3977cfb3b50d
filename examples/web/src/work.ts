/** Work that takes a while: one piece at a time, and the person is told if it fails. */
import { lastWins } from "./lastWins";
import { byId, clearError, showError } from "./page";

const enqueue = lastWins();

export function work(job: () => Promise<void>): Promise<void> {
  return enqueue(async () => {
    const results = byId("results");
    results.ariaBusy = "true";
    try {
      await job();
      clearError();
    } catch (error) {
      showError(error);
    }
    results.ariaBusy = "false";
  });
}
