// Cropping by hand: a rectangle dragged over the raw picture, or its edges as numbers.

import { byId } from "../ui/dom.js";
import { text } from "./messages.js";

const EDGES = ["left", "top", "right", "bottom"];
const field = (edge) => byId(`crop-${edge}`);
let size = { width: 1, height: 1 };
let start = null;

const values = () => EDGES.map((edge) => field(edge).valueAsNumber);

function show() {
  const [left, top, right, bottom] = values();
  const share = (value, whole) => `${(100 * value) / whole}%`;
  Object.assign(byId("crop-box").style, {
    left: share(left, size.width),
    top: share(top, size.height),
    width: share(right - left, size.width),
    height: share(bottom - top, size.height),
  });
}

function put(box) {
  EDGES.forEach((edge, index) => (field(edge).value = box[index]));
  show();
}

function point(event) {
  const box = byId("crop-image").getBoundingClientRect();
  const clamp = (value, most) => Math.round(Math.min(Math.max(value, 0), 1) * most);
  return [
    clamp((event.clientX - box.left) / box.width, size.width),
    clamp((event.clientY - box.top) / box.height, size.height),
  ];
}

function enableDragging() {
  const frame = byId("crop-frame");
  frame.addEventListener("pointerdown", (event) => {
    start = point(event);
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = point(event);
    put([Math.min(x, start[0]), Math.min(y, start[1]), Math.max(x, start[0]), Math.max(y, start[1])]);
  });
  frame.addEventListener("pointerup", () => (start = null));
  for (const edge of EDGES) field(edge).addEventListener("input", show);
}

enableDragging();

/** Let a person choose; `onCrop` gets left, top, right and bottom in pixels of the raw picture, or null for all of it. */
export function openCrop(picture, address, crop, onCrop) {
  size = picture;
  byId("crop-image").src = address;
  byId("crop-wrong").textContent = "";
  put(crop ?? [0, 0, picture.width, picture.height]);
  const dialog = byId("crop-dialog");
  byId("crop-cancel").onclick = () => dialog.close("cancel");
  byId("crop-go").onclick = () => {
    const [left, top, right, bottom] = values();
    if (left >= 0 && top >= 0 && left < right && top < bottom) dialog.close("crop");
    else byId("crop-wrong").textContent = text("crop.wrong");
  };
  dialog.onclose = () => {
    if (dialog.returnValue === "crop") onCrop(values());
    if (dialog.returnValue === "none") onCrop(null);
  };
  dialog.returnValue = "cancel";
  dialog.showModal();
}
