// A run's note, its name, and its end.

import { byId } from "../ui/dom.js";
import { announce } from "./announce.js";
import { text } from "./messages.js";
import * as api from "./train_api.js";

/** Do what a dialog's form says; what is refused is said in it. */
function enableDialog(dialog, opener, onOpen, onSubmit) {
  byId(opener).addEventListener("click", () => {
    byId(`${dialog}-wrong`).textContent = "";
    onOpen();
    byId(`${dialog}-dialog`).showModal();
  });
  byId(`${dialog}-cancel`).addEventListener("click", () => byId(`${dialog}-dialog`).close());
  byId(`${dialog}-form`).addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await onSubmit();
    } catch (error) {
      byId(`${dialog}-wrong`).textContent = error.message;
    }
  });
}

async function saveNote(run) {
  try {
    await api.note(run, byId("note").value.trim());
    announce(text("run.noted"));
  } catch (error) {
    announce(error.message);
  }
}

/** Let a person note something on a run, rename it, delete it. */
export function enableChanges(run, name) {
  byId("save-note").addEventListener("click", () => saveNote(run));
  enableDialog(
    "rename",
    "rename",
    () => (byId("new-name").value = name),
    async () => location.assign(api.runPage((await api.rename(run, byId("new-name").value.trim())).run)),
  );
  enableDialog(
    "delete",
    "delete",
    () => {
      byId("delete-name").value = "";
      byId("delete-go").disabled = true;
      byId("delete-what").textContent = text("run.delete-what", { name });
    },
    async () => {
      await api.remove(run, byId("delete-name").value);
      location.assign("./");
    },
  );
  byId("delete-name").addEventListener("input", () => {
    byId("delete-go").disabled = byId("delete-name").value !== name;
  });
}
