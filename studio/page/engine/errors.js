// How both engines fail, and how they look for what is gone.

export class EngineError extends Error {
  /**
   * @param {string} message for a person
   * @param {"failed" | "gone" | "refused" | "other model"} kind `gone`: nobody answered, it may come back; `refused`:
   *   it will not answer this page; `other model`: only a reload helps
   */
  constructor(message, kind = "failed") {
    super(message);
    this.kind = kind;
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
