// A plain script, no module: where the page's program did not load, it says so, and why.

(function () {
  const MODULE = "main.js";
  const TABLE = "messages/table.js";
  const text = (key, values = {}) =>
    (globalThis.MESSAGES?.[key] ?? `${TABLE}?`).replace(/\{(\w+)\}/g, (_, name) => values[name]);

  /** What is wrong with a module or one that it imports, or null. */
  async function problemOf(url, seen) {
    if (seen.has(url)) return null;
    seen.add(url);
    const name = url.slice(new URL(".", location.href).href.length);
    let answer;
    try {
      answer = await fetch(url, { cache: "no-store" });
    } catch {
      return text("load.gone", { name });
    }
    if (!answer.ok) return text("load.missing", { name, status: answer.status });
    const type = answer.headers.get("Content-Type") || "?";
    if (!/javascript/.test(type)) return text("load.type", { name, type });
    for (const [, path] of (await answer.text()).matchAll(/^(?:import|export)[^;"]* from "(\.[^"]+)"/gm)) {
      const problem = await problemOf(new URL(path, url).href, seen);
      if (problem) return problem;
    }
    return null;
  }

  addEventListener("load", async function () {
    if (document.documentElement.dataset.loaded) return; // main.js says so
    const isFile = location.protocol === "file:";
    const problem = isFile ? text("load.file") : await problemOf(new URL(MODULE, location.href).href, new Set());
    const line = document.createElement("p");
    line.textContent = text("load.failed", { reason: problem ?? text("load.unknown") });
    document.getElementById("alert").replaceChildren(line);
  });
})();
