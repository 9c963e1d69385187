// Light and dark: the system's choice until a person makes their own.
import { icon } from "./dom.js";

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const kept = () => { try { return localStorage.getItem("vitte.theme"); } catch { return null; } };

function show(button) {
  const dark = kept() ? kept() === "dark" : system.matches;
  root.dataset.theme = root.dataset.chosen ?? (dark ? "dark" : "light");
  button.replaceChildren(icon(root.dataset.theme === "dark" ? "sun" : "moon"));
}

export function setUpTheme(button) {
  const toggle = () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    root.dataset.chosen = next;
    try { localStorage.setItem("vitte.theme", next); } catch { /* holds until the page closes */ }
    show(button);
  };
  button.addEventListener("click", toggle);
  system.addEventListener("change", () => show(button));
  show(button);
  return toggle;
}
