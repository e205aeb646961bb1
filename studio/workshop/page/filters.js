// Which pictures are shown, and in which order.

import { byId, createElement } from "../ui/dom.js";
import { decisionOn } from "./decisions.js";
import { text } from "./messages.js";

const BY_HAND = "left out by hand"; // as dataset.curation has it, and these
const CROPPED = "cropped by hand";
const TURNED = "turned by hand";

export const wasLeftOut = (picture) => picture.reason === BY_HAND;
export const isLeftOut = (picture) => decisionOn(picture).leave_out;
const isDecided = (picture) => Object.values(decisionOn(picture)).some((value) => value);

const isInSet = (picture) => !picture.duplicate_of && !picture.reason;

/**
 * Whether a decision means something: not on a copy, which has the checksum of the picture that stays, nor on a rejected
 * file, unless a decision on it may be the reason.
 */
export const isOpen = (picture) =>
  !picture.duplicate_of && (!picture.reason || wasLeftOut(picture) || isDecided(picture));

/** Whether the set is not yet as it is decided: by what the last build said of the picture, and by what was loaded. */
export function isWaiting(picture) {
  if (picture.waits === undefined || picture.judged !== picture.decision) {
    const differs = differsFromSet(picture, decisionOn(picture));
    picture.waits = differs || (isChanged(picture) && !differsFromSet(picture, decisionOn({ decision: picture.loaded })));
    picture.judged = picture.decision; // asked of ten thousand at each click
  }
  return picture.waits;
}

const isChanged = (picture) =>
  JSON.stringify(decisionOn(picture)) !== JSON.stringify(decisionOn({ decision: picture.loaded }));

function differsFromSet(picture, { leave_out, crop, turn_degrees, group }) {
  if (!isOpen(picture) || leave_out || wasLeftOut(picture)) return isOpen(picture) && leave_out !== wasLeftOut(picture);
  const has = (note) => Boolean(picture.note?.includes(note));
  return Boolean(crop) !== has(CROPPED) || turn_degrees > 0 !== has(TURNED) || Boolean(group && group !== picture.group);
}

const SHOWN = {
  all: isInSet,
  rejected: (picture) => picture.reason && !wasLeftOut(picture),
  duplicates: (picture) => picture.duplicate_of,
  pairs: null, // of all that look alike
  left: (picture) => !picture.duplicate_of && (isLeftOut(picture) || wasLeftOut(picture)),
  decided: (picture) => isInSet(picture) && !isLeftOut(picture) && isDecided(picture),
};
const SORTS = ["name", "outlier", "brightness", "hue", "size"];

/** The group that a picture is in, by hand or by the set. */
export const groupOf = (picture) => decisionOn(picture).group ?? picture.group;

/** The groups of several pictures, or made by hand; alone, a picture is a group that goes by the file's name. */
export function groupNames(pictures) {
  const counts = new Map();
  for (const picture of pictures) counts.set(groupOf(picture), (counts.get(groupOf(picture)) ?? 0) + 1);
  for (const picture of pictures) if (decisionOn(picture).group) counts.set(groupOf(picture), Infinity);
  return [...counts.keys()].filter((name) => name && counts.get(name) > 1).sort();
}

export class Filters {
  #set;
  #measures = null;
  shown;
  #onChange;

  /** `former` are those of the set before it was made anew: its measures hold until the new ones come. */
  constructor(set, onChange, former) {
    this.#set = set;
    this.shown = former?.shown ?? "all";
    this.#measures = former?.#measures ?? null;
    this.#onChange = onChange;
    byId("chips").replaceChildren(...Object.keys(SHOWN).map((name) => this.#chip(name)));
    for (const id of ["group", "label", "sort"]) byId(id).onchange = () => this.#choose(id);
    this.refresh();
  }

  /** Whether two that look alike stand beside each other. */
  get inPairs() {
    return this.shown === "pairs";
  }

  set measures({ names, ...values }) {
    const at = new Map(names.map((name, index) => [name, index]));
    const before = this.pictures();
    this.#measures = (name, picture) => values[name][at.get(picture.file_name)]; // or undefined: such a picture comes last
    this.refresh();
    if (this.pictures().some((picture, index) => picture !== before[index])) this.#onChange(); // else the selection stays
  }

  /** Count anew, and list the groups and labels that there are. */
  refresh() {
    for (const chip of byId("chips").children) {
      const count = this.#having(chip.name).length;
      chip.lastChild.textContent = this.#set.is_whole ? count.toLocaleString() : "";
      chip.classList.toggle("none", this.#set.is_whole && !count);
      chip.setAttribute("aria-pressed", chip.name === this.shown);
    }
    offer("group", groupNames(this.#set.pictures));
    offer("label", this.#set.pictures.map((picture) => picture.label));
    const sorts = this.#measures ? SORTS : SORTS.filter((name) => name === "name" || name === "size");
    fill("sort", sorts.map((name) => [name, text(`sort.${name}`)]));
  }

  /** The pictures to show, in order. */
  pictures() {
    const [group, label, sort] = ["group", "label", "sort"].map((id) => byId(id).value);
    const fits = (picture) => (!group || groupOf(picture) === group) && (!label || picture.label === label);
    if (this.inPairs) return this.#pairs().filter((pair) => pair.some(fits)).flat();
    const chosen = this.#having(this.shown).filter(fits);
    return sort === "name" ? chosen : this.#sorted(chosen, sort);
  }

  #choose(id) {
    wishes[id] = byId(id).value;
    this.#onChange();
  }

  #sorted(pictures, sort) {
    const measure = this.#measures;
    const keys = {
      size: (picture) => picture.width * picture.height || Infinity,
      outlier: (picture) => -(measure("outlier", picture) ?? -Infinity),
    };
    const key = keys[sort] ?? ((picture) => measure(sort, picture) ?? Infinity);
    return pictures.map((picture) => [key(picture), picture]).sort((a, b) => a[0] - b[0]).map(([, picture]) => picture);
  }

  #having(name) {
    return name === "pairs" ? this.#pairs().flat() : this.#set.pictures.filter(SHOWN[name]);
  }

  #pairs() {
    return this.#set.pairs.map(({ first, second }) => [this.#set.named.get(first), this.#set.named.get(second)]);
  }

  #chip(name) {
    const chip = createElement("button", { class: "chip", type: "button", name }, text(`show.${name}`), createElement("b"));
    chip.addEventListener("click", () => {
      this.shown = name;
      this.refresh();
      this.#onChange();
    });
    return chip;
  }
}

const wishes = {}; // what a person chose, also while it is not offered, as a group that the set has no more

const fill = (id, options) => {
  const select = byId(id);
  select.replaceChildren(...options.map(([value, shown]) => createElement("option", { value }, shown)));
  if (options.some(([value]) => value === wishes[id])) select.value = wishes[id];
};

const offer = (id, values) => {
  const known = [...new Set(values.filter(Boolean))].sort();
  byId(id).parentElement.hidden = known.length === 0;
  fill(id, [["", text("set.any")], ...known.map((value) => [value, value])]);
};
