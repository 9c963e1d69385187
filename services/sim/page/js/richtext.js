// The server's markup of a message, taken over element by element: what is not listed here stays text.
import { t } from "./i18n.js";

const TAGS = new Set(["B", "I", "U", "S", "CODE", "PRE", "BLOCKQUOTE", "SPAN", "A"]);
const CLASSES = new Set(["spoiler", "command", "mention", "hashtag", "custom-emoji", "expandable"]);
const LINK = /^(https?:|tg:|mailto:)/i;

function copy(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE) return document.createTextNode("");
  const element = document.createElement(TAGS.has(node.tagName) ? node.tagName : "span");
  const name = node.getAttribute("class");
  if (CLASSES.has(name)) element.className = name;
  if (name === "spoiler" || name === "command") {
    element.tabIndex = 0;
    element.setAttribute("role", "button");
    if (name === "spoiler") element.setAttribute("aria-label", t("spoiler"));
  }
  if (element.tagName === "A" && LINK.test(node.getAttribute("href") ?? "")) {
    element.href = node.getAttribute("href");
    element.target = "_blank";
    element.rel = "noopener noreferrer nofollow";
  }
  if (node.dataset.language) element.dataset.language = node.dataset.language;
  element.append(...[...node.childNodes].map(copy));
  return element;
}

/** Nodes to show for a message's `html`, or for its plain `text` when there is none. */
export function rich(html, text) {
  if (typeof html !== "string") return [document.createTextNode(text ?? "")];
  const parsed = new DOMParser().parseFromString(`<body>${html}`, "text/html");
  return [...parsed.body.childNodes].map(copy);
}

/** Spoilers open; commands are sent. One listener for a whole log. */
export function setUpRichText(log, onCommand) {
  const act = (event) => {
    const target = event.target.closest?.(".spoiler, .command");
    if (!target || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    if (target.classList.contains("spoiler") && !target.classList.contains("open")) {
      target.classList.add("open");
      target.removeAttribute("aria-label");
    } else if (target.classList.contains("command")) {
      onCommand(target.textContent);
    }
  };
  log.addEventListener("click", act);
  log.addEventListener("keydown", act);
}
