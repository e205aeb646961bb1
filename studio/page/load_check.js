// A plain script, no module: where the page's program did not load, it says so, and why.

(function () {
  const MODULE = "main.js";
  const FILE =
    "This page was opened as a file, and browsers load no scripts from there. Serve its folder, for example with " +
    "python -m http.server, and open the address that it prints.";
  const UNKNOWN =
    "All of its files are there: the browser may be too old (Chromium 105, Firefox 106 and Safari 17.4 are new " +
    "enough), or an extension may block scripts.";

  /** What is wrong with a module or one that it imports, or null. */
  async function problemOf(url, seen) {
    if (seen.has(url)) return null;
    seen.add(url);
    const name = url.slice(new URL(".", location.href).href.length);
    let answer;
    try {
      answer = await fetch(url, { cache: "no-store" });
    } catch {
      return `${name} could not be fetched: is the server still there?`;
    }
    if (!answer.ok) return `${name} is missing or refused: error ${answer.status}.`;
    const type = answer.headers.get("Content-Type") || "a file of no type";
    if (!/javascript/.test(type))
      return `The server sends ${name} as ${type}; browsers run it as text/javascript alone.`;
    for (const [, path] of (await answer.text()).matchAll(/^(?:import|export)[^;"]* from "(\.[^"]+)"/gm)) {
      const problem = await problemOf(new URL(path, url).href, seen);
      if (problem) return problem;
    }
    return null;
  }

  addEventListener("load", async function () {
    if (document.documentElement.dataset.loaded) return; // main.js says so
    const isFile = location.protocol === "file:";
    const reason = isFile ? FILE : ((await problemOf(new URL(MODULE, location.href).href, new Set())) ?? UNKNOWN);
    const text = document.createElement("p");
    text.textContent = `The studio's program did not load. ${reason}`;
    document.getElementById("alert").replaceChildren(text);
  });
})();
