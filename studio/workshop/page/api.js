// The workshop's API.

import { text } from "./messages.js";

const API = "../api/workshop/";

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(API + path, options);
  } catch {
    throw new Error(text("error.gone"));
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.detail);
  return content;
}

const query = (parameters) => new URLSearchParams(parameters).toString();

const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const overview = () => ask("overview");
export const pictures = (folder) => ask(`set?${query({ folder })}`);
export const measures = (folder) => ask(`measures?${query({ folder })}`);
export const build = (folder) => post("build", { folder });
export const buildState = () => ask("build");
export const decide = (folder, decisions) => post("decisions", { folder, decisions });

/** The address of a picture of the set. */
export const imageAddress = (folder, name, version) => `${API}image?${query({ folder, name, v: version })}`;

/** The address of a raw picture. */
export const rawAddress = (folder, name) => `${API}raw?${query({ folder, name })}`;
