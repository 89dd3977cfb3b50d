/** Ten scores as bars. */
import { make } from "./page";

export function indexOfLargest(scores: Float32Array): number {
  return scores.indexOf(Math.max(...scores));
}

export function percent(score: number): string {
  return `${(100 * score).toFixed(1)}%`;
}

/** One line for each digit; the best is marked. */
export function scoreList(scores: Float32Array): HTMLElement[] {
  const best = indexOfLargest(scores);
  return Array.from(scores, (score, digit) =>
    scoreLine(digit, score, digit === best),
  );
}

function scoreLine(digit: number, score: number, best: boolean): HTMLElement {
  const bar = make("span", { className: "bar" });
  bar.style.width = percent(score);
  const line = make(
    "li",
    { className: best ? "best" : "" },
    make("span", { className: "digit" }, String(digit)),
    make("span", { className: "track", ariaHidden: "true" }, bar),
    make("span", { className: "percent" }, percent(score)),
  );
  if (best) line.ariaCurrent = "true";
  return line;
}
