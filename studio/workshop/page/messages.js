// All words of the workshop; another language is another table.

const MESSAGES = {
  studio: "vgc studio",
  cancel: "Cancel",
  "start.title": "What would you like to do?",
  "start.create": "Make characters",
  "start.sets": "Sets of pictures",
  "start.no-sets": "None here yet. Make one with",
  "start.set": "{pictures} pictures of {size}×{size}, {rejected} rejected",
  "start.runs": "Trained models",
  "start.no-runs": "None here yet. Train one with",
  "start.run": "vgc studio --model {run}",
  "start.root": "Looking in {root}. Start vgc studio with --root to look elsewhere.",
  "set.back": "All sets",
  "set.build": "Make the set again",
  "set.show": "Show",
  "set.group": "Group",
  "set.label": "Label",
  "set.sort": "Sort by",
  "set.any": "any",
  "set.actions": "With the selected pictures",
  "set.pictures": "Pictures; arrow keys move, space selects, shift extends",
  "set.about": "{shown} of {all} shown, {selected} selected",
  "set.read-only": "Only to look at: {reason}",
  "set.title": "{folder} – vgc studio",
  "set.copies": "These are left out already, as copies.",
  "set.rejected": "These were rejected, and are not in the set; there is nothing to decide on them.",
  "set.keep": "Under “Look alike”, select the one of two that stays; the one beside it is left out.",
  "set.not-written": "Not written: the pictures are as they are shown.",
  "set.nothing": "Nothing to change in what is selected.",
  "show.all": "All",
  "show.rejected": "Rejected",
  "show.duplicates": "Exact duplicates",
  "show.pairs": "Look alike",
  "show.left": "Left out",
  "show.decided": "Changed by hand",
  "sort.name": "name",
  "sort.outlier": "unusual first",
  "sort.brightness": "dark to bright",
  "sort.hue": "colour",
  "sort.size": "size, small first",
  "act.leave": "Leave out",
  "act.back": "Take back",
  "act.keep": "Keep this one",
  "act.turn": "Turn",
  "act.crop": "Crop",
  "act.group": "Group",
  "act.undo": "Undo",
  "did.leave": "{count} left out",
  "did.back": "{count} taken back",
  "did.keep": "{count} left out in favour of it",
  "did.turn": "{count} turned",
  "did.crop": "{count} cropped",
  "did.group": "{count} grouped",
  "did.undo": "Undone: {count} as before",
  "tile.left": "left out",
  "tile.back": "back when the set is made again",
  "tile.turned": "turned {degrees}°",
  "tile.cropped": "cropped",
  "tile.duplicate": "the pixels of {name}",
  "crop.title": "Crop",
  "crop.how": "Drag over what is to stay, or give its edges in pixels.",
  "crop.picture": "The picture as it came",
  "crop.left": "Left",
  "crop.top": "Top",
  "crop.right": "Right",
  "crop.bottom": "Bottom",
  "crop.none": "Whole picture",
  "crop.go": "Crop",
  "crop.wrong": "Left and top come before right and bottom.",
  "group.title": "Which character do they show?",
  "group.name": "Name of the group; none takes them out of it",
  "group.go": "Group",
  "build.running": "Making the set: {done} of {total}",
  "error.gone": "The studio does not answer; start it again, and reload this page.",
};

/** A message with its values put in. */
export const text = (key, values = {}) =>
  MESSAGES[key].replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString(document.documentElement.lang) : value;
  });

/** Fill the elements that name a message. */
export function translate() {
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
  for (const element of document.querySelectorAll("[data-alt]")) element.alt = text(element.dataset.alt);
}
