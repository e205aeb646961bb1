// Messages by their keys, from a table of one language.

/** What a page needs of a table: `text`, and `translate`. */
export function messagesOf(table) {
  /** A message with its values put in. */
  const text = (key, values = {}) =>
    table[key].replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === "number" ? value.toLocaleString(table.lang) : value;
    });

  /** Fill the elements that name a message. */
  function translate() {
    document.documentElement.lang = table.lang;
    const named = (name) => document.querySelectorAll(`[data-${name}]`);
    for (const element of named("text")) element.textContent = text(element.dataset.text);
    for (const element of named("label")) element.setAttribute("aria-label", text(element.dataset.label));
    for (const element of named("alt")) element.alt = text(element.dataset.alt);
    for (const element of named("placeholder")) element.placeholder = text(element.dataset.placeholder);
  }

  return { text, translate };
}
