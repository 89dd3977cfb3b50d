/** What went wrong, in words for the person at the page. */
export class PageError extends Error {}

/** The message to show for anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof PageError) return error.message;
  const reason = error instanceof Error ? error.message : String(error);
  return `Something went wrong: ${reason}`;
}
