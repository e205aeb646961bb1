// The page's address: which character is shown.

const TRY_AGAIN_MS = 1000;

/**
 * Keeps the address's fragment. A browser refuses what comes too often, as while a key is held on a slider: after
 * 100 changes in ten seconds Safari raises an error, after 200 Chromium does nothing without a word.
 */
export class Address {
  #wanted; // () -> the fragment that belongs there now
  #retry;
  #method = "replaceState"; // how to bring it in: what is refused as a step stays one

  /** @param {() => string} wanted gives the fragment, "#…", or "" */
  constructor(wanted) {
    this.#wanted = wanted;
  }

  /** Bring it to what is wanted, as a new step of the browser's history (`pushState`) or in place (`replaceState`). */
  update(method) {
    clearTimeout(this.#retry);
    const hash = this.#wanted();
    if (method === "pushState") this.#method = method;
    try {
      if (location.hash !== hash) history[this.#method](null, "", hash || location.pathname);
    } catch (error) {
      if (error.name !== "SecurityError") throw error;
    }
    if (location.hash === hash) this.#method = "replaceState";
    else this.#retry = setTimeout(() => this.update(this.#method), TRY_AGAIN_MS);
  }
}
