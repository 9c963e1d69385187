// A coloured circle with an initial: no pictures to load.
import { h } from "./dom.js";

const initial = (name) => ([...(name.trim() || "?")][0] ?? "?").toUpperCase();

export function avatar(name, hue, size = "") {
  const element = h("span", { class: `avatar ${size}`, "aria-hidden": "true" }, initial(name));
  if (hue === undefined) element.classList.add("bot");
  else element.style.setProperty("--hue", hue);
  return element;
}
