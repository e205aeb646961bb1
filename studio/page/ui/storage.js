// What the browser stores over a reload. One that blocks cookies raises an error at the mere name of the storage.

const kindOf = (value) => (Array.isArray(value) ? "array" : value === null ? "null" : typeof value);

/**
 * What was stored under a key, if it is of the fallback's kind; else the fallback. Any program of the same address
 * may have written it: what an array or an object holds is the caller's to check.
 */
export function load(key, fallback, storage = "localStorage") {
  try {
    const stored = JSON.parse(window[storage].getItem(key));
    return kindOf(stored) === kindOf(fallback) ? stored : fallback;
  } catch {
    return fallback;
  }
}

/** Store a value; false where the browser stores nothing. */
export function save(key, value, storage = "localStorage") {
  try {
    window[storage].setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** The keys with such a beginning under which anything is stored. */
export function keysFrom(prefix, storage = "localStorage") {
  try {
    return Object.keys(window[storage]).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}
