// The creator's messages.

import { messagesOf } from "./fill.js";

export const { text, translate } = messagesOf(globalThis.MESSAGES);

/** A message, or another text where the table has none of that key. */
export const textOr = (key, other) => (Object.hasOwn(globalThis.MESSAGES, key) ? text(key) : other);
