/** The tRPC client wraps every error: whoever embeds a node gets to see what the other node said. */
import { toMendlogError } from '@mendlog/core';

/** What another node refused is refused here in the same words. */
export async function answerOf<Answer>(forwarded: Promise<Answer>): Promise<Answer> {
  return await forwarded.catch((thrown: unknown) => {
    throw toMendlogError(thrown);
  });
}
