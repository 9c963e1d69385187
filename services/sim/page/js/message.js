// One message as a row: bubble, media, text, time, buttons.
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { lightbox } from "./overlays.js";
import { voicePlayer } from "./player.js";
import { rich } from "./richtext.js";
import { isoOf, timeOf } from "./time.js";

const SAFE_URL = /^(https?:|tg:)/i;

function size(bytes) {
  if (!bytes) return "";
  return bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

function photo(message) {
  const image = h("img", { src: message.photo_url ?? message.file_url, alt: message.text || t("photo"), loading: "lazy", width: message.file?.width || null, height: message.file?.height || null });
  return h("button", { class: "photo", type: "button", "aria-label": message.text || t("photo"), data: { testid: "photo" }, onclick: () => lightbox(image.src, image.alt) }, image);
}

function documentLink(message) {
  return h("a", { class: "document", href: message.file_url, download: message.file?.name ?? "", data: { testid: "document" } },
    h("span", { class: "document-icon" }, icon("file")),
    h("span", {}, h("span", { class: "document-name" }, message.file?.name ?? t("document")), h("span", { class: "document-size" }, size(message.file?.size))));
}

function media(message) {
  if (message.kind === "photo") return photo(message);
  if (message.kind === "voice") return voicePlayer(message);
  if (message.kind === "document") return documentLink(message);
  return null;
}

function inlineButton(button, press) {
  if (button.url && SAFE_URL.test(button.url)) {
    return h("a", { class: "inline-button", href: button.url, target: "_blank", rel: "noopener noreferrer", data: { testid: "inline-button" } },
      button.text, h("span", { class: "arrow", "aria-hidden": "true" }, "↗"));
  }
  const element = h("button", { class: "inline-button", type: "button", data: { testid: "inline-button", data: button.data ?? "" } }, button.text);
  element.addEventListener("click", () => {
    if (button.data === undefined || element.classList.contains("busy")) return;
    press(button.data, element);
  });
  return element;
}

/** `press(messageId, data, element)` when a callback button is used. */
export function messageRow(message, press) {
  const own = message.from === "user";
  const hasText = Boolean(message.text);
  const meta = h("span", { class: "meta" },
    message.edited ? h("span", { data: { testid: "edited" } }, t("edited")) : null,
    message.date ? h("time", { datetime: isoOf(message.date) }, timeOf(message.date)) : null);
  const bubble = h("div", { class: `bubble kind-${message.kind}` },
    media(message),
    hasText ? h("div", { class: "text", dir: "auto", data: { testid: "text" } }, rich(message.html, message.text)) : null,
    meta);
  if (message.kind === "photo" && !hasText) bubble.classList.add("media-only");
  const rows = (message.buttons ?? []).filter((row) => row.length);
  const buttons = rows.length
    ? h("div", { class: "buttons" }, rows.map((row) => h("div", { class: "button-row" },
      row.map((button) => inlineButton(button, (data, element) => press(message.message_id, data, element))))))
    : null;
  return h("article", {
    class: `row ${own ? "own" : "other"} ${message.edited ? "edited" : ""}`,
    data: { testid: "message", id: message.message_id, from: message.from, kind: message.kind },
  }, bubble, buttons);
}

/** A message while it is written: it grows in place. */
export function draftRow() {
  const text = h("div", { class: "text", dir: "auto", data: { testid: "draft-text" } });
  const element = h("article", { class: "row other first last draft", "aria-hidden": "true", data: { testid: "draft" } }, h("div", { class: "bubble" }, text));
  return { element, show: (draft) => text.replaceChildren(...rich(draft.html, draft.text)) };
}

export const typingRow = () =>
  h("article", { class: "row other first last fresh", "aria-hidden": "true", data: { testid: "typing" } },
    h("div", { class: "bubble typing-bubble" }, h("i"), h("i"), h("i")));
