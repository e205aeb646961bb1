// What the browser stores over a reload. One that blocks cookies raises an error at the mere name of the storage.

/** What was stored under a key; `fallback` where the browser stores nothing. */
export function load(key, fallback, storage = "localStorage") {
  try {
    return JSON.parse(window[storage].getItem(key)) ?? fallback;
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
