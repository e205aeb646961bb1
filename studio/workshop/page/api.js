// The workshop's API.

import { text } from "./messages.js";

const API = "../api/workshop/";

export async function ask(path, options) {
  let answer, body;
  try {
    answer = await fetch(API + path, options);
    body = await answer.text(); // a server that is killed may have sent its headers
  } catch {
    throw new Error(text("error.gone"));
  }
  const content = isJson(answer) ? JSON.parse(body) : null; // a failure of the server's own is no JSON
  if (answer.ok && content) return content;
  const message = content?.detail ?? text("error.broken", { status: answer.status });
  throw Object.assign(new Error(message), { status: answer.status });
}

const isJson = (answer) => answer.headers.get("Content-Type")?.startsWith("application/json");

export const query = (parameters) => new URLSearchParams(parameters).toString();

export const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const overview = () => ask("overview");
export const pictures = (folder) => ask(`set?${query({ folder })}`);
export const firstPictures = (folder, first) => ask(`set?${query({ folder, first })}`);
export const measures = (folder) => ask(`measures?${query({ folder })}`);
export const build = (folder) => post("build", { folder });
export const sources = () => ask("new/sources");
export const planSet = (wanted) => post("new/plan", wanted);
export const estimateSet = (wanted) => post("new/estimate", wanted);
export const startSet = (wanted) => post("new/start", wanted);
export const discardSet = (wanted) => post("new/discard", wanted);
export const stopJob = () => post("new/stop", {});
export const jobState = () => ask("new/state");
export const beginUpload = (wanted) => post("upload", wanted);
export const received = (file) => ask(`upload/piece?${query(file)}`);
export const decide = (folder, decisions) => post("decisions", { folder, decisions });

const sendBytes = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body });

/** A piece of a file: whose, and where in it, and its bytes. */
export const sendPiece = (named, body) => sendBytes(`upload/piece?${query(named)}`, body);

/** Whole files: a line of JSON that lists them, and their bytes. */
export const sendFiles = (name, body) => sendBytes(`upload/files?${query({ name })}`, body);

/** The address of a picture of the set. */
export const imageAddress = (folder, name, version) => `${API}image?${query({ folder, name, v: version })}`;

/** The address of a raw picture. */
export const rawAddress = (folder, name) => `${API}raw?${query({ folder, name })}`;
