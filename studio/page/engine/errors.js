// How both engines fail, and how they look for what is gone.

export class EngineError extends Error {
  /** @param {string} message for a person  @param {boolean} gone whether nobody answered at all */
  constructor(message, gone = false) {
    super(message);
    this.gone = gone;
  }
}

/** Whether a file or a server can be had, now and not from a cache. */
export async function reachable(path) {
  try {
    return (await fetch(path, { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
