// Dragging characters with mouse, pen or finger. A finger holds still for a moment first, so that swiping still scrolls.

const DRAG_PX = 6;
const HOLD_MS = 300;
const CLICK_FOLLOWS_MS = 50;

let held = null; // {card, x, y, timer, ghost, target}

function lift() {
  const { canvas } = held;
  held.ghost = canvas.cloneNode();
  held.ghost.className = "ghost";
  held.ghost.getContext("2d").drawImage(canvas, 0, 0);
  document.body.append(held.ghost);
  document.body.classList.add("dragging");
}

function carry(x, y) {
  held.ghost.style.transform = `translate(${x}px, ${y}px)`;
  const target = document.elementFromPoint(x, y)?.closest("[data-drop]") ?? null;
  if (target === held.target) return;
  held.target?.classList.remove("over");
  target?.classList.add("over");
  held.target = target;
}

function end(dropped) {
  if (!held) return;
  const { card, latent, ghost, target, timer } = held;
  clearTimeout(timer);
  held = null;
  if (!ghost) return;
  ghost.remove();
  document.body.classList.remove("dragging");
  target?.classList.remove("over");
  // The click that may follow on the card is the drag's own end.
  const swallow = (event) => event.stopImmediatePropagation();
  card.addEventListener("click", swallow, { capture: true });
  setTimeout(() => card.removeEventListener("click", swallow, { capture: true }), CLICK_FOLLOWS_MS);
  if (dropped && target) target.dispatchEvent(new CustomEvent("dropped", { detail: latent }));
}

/** Make every card of the page draggable to the elements with `data-drop`, which hear `dropped`. */
export function enableDragging() {
  document.addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".card");
    if (!card?.shown || !event.isPrimary || event.button !== 0) return;
    held = {
      card,
      latent: card.shown,
      canvas: card.querySelector("canvas"),
      x: event.clientX,
      y: event.clientY,
      finger: event.pointerType === "touch",
    };
    if (held.finger) held.timer = setTimeout(() => (lift(), carry(held.x, held.y)), HOLD_MS);
  });
  document.addEventListener("pointermove", (event) => {
    if (!held || !event.isPrimary) return;
    const moved = Math.hypot(event.clientX - held.x, event.clientY - held.y) > DRAG_PX;
    if (!held.ghost && moved) {
      if (held.finger) return end(false);
      lift();
    }
    if (held?.ghost) carry(event.clientX, event.clientY);
  });
  document.addEventListener("pointerup", () => end(true));
  document.addEventListener("pointercancel", () => end(false));
  document.addEventListener("touchmove", (event) => held?.ghost && event.preventDefault(), { passive: false });
  document.addEventListener("contextmenu", (event) => held?.finger && event.preventDefault());
  document.addEventListener("dragstart", (event) => event.target.closest?.(".card") && event.preventDefault());
}
