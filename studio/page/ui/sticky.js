// Columns that stay in sight while the page scrolls, also where they are taller than what the tray leaves of the window.

const GAP_PX = 8;

/** Have a sticky element go up until its end stands above the tray: `--room` is the `top` at which it does. */
export function stayInSight(element) {
  const tray = document.querySelector(".tray");
  const update = () => {
    const room = innerHeight - tray.offsetHeight - GAP_PX - element.offsetHeight;
    element.style.setProperty("--room", `${room}px`);
  };
  const sizes = new ResizeObserver(update);
  for (const each of [element, tray]) sizes.observe(each);
  addEventListener("resize", update);
}
