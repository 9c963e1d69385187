// Toasts, alerts, questions, and the enlarged photo.
import { h } from "./dom.js";
import { t } from "./i18n.js";

/** Over the chat that `near` is in, so that two chats do not mix their news. */
export function toast(text, problem = false, near = null) {
  const element = h("div", { class: `toast ${problem ? "problem" : ""}`, data: { testid: "toast" } }, text);
  const box = near?.closest(".pane")?.querySelector(".toasts") ?? document.getElementById("toasts");
  for (const same of [...box.children].filter((other) => other.textContent === text)) same.remove();
  while (box.children.length >= 3) box.firstChild.remove();
  box.append(element);
  setTimeout(() => element.remove(), 4_000);
}

function open(element) {
  const before = document.activeElement;
  document.body.append(element);
  element.addEventListener("close", () => { element.remove(); before?.focus?.(); });
  element.addEventListener("click", (event) => { if (event.target === element) element.close(); });
  element.showModal();
  return element;
}

export function alertBox(text) {
  const button = h("button", { class: "primary", type: "button", autofocus: true, onclick: () => box.close() }, t("ok"));
  const box = h("dialog", { class: "dialog", data: { testid: "alert" } }, h("p", {}, text), h("div", { class: "dialog-actions" }, button));
  open(box);
}

export function lightbox(url, alt) {
  const box = h("dialog", { class: "lightbox", "aria-label": alt, data: { testid: "lightbox" }, onclick: () => box.close() }, h("img", { src: url, alt }));
  open(box);
}

const SHORTCUTS = [
  [["Alt", "↑"], ["Alt", "↓"], "keySearch"], [["Alt", "1"], "keyNumber"], [["Alt", "S"], "keySplit"], [["F6"], "keyPane"], [["Alt", "N"], "keyNew"],
  [["Alt", "M"], "keyWrite"], [["/"], "keyCommands"], [["Enter"], ["Shift", "Enter"], "keySend"], [["Esc"], "keyEdit"], [["Alt", "T"], "keyTheme"], [["?"], "keyHelp"],
];

export function helpBox() {
  const rows = SHORTCUTS.flatMap((row) => {
    const keys = row.slice(0, -1).map((combo) => combo.flatMap((key, at) => [at ? " + " : "", h("kbd", {}, key)]));
    return [h("dt", {}, ...keys.flatMap((combo, at) => (at ? [" , ", ...combo] : combo))), h("dd", {}, t(row.at(-1)))];
  });
  const button = h("button", { class: "primary", type: "button", autofocus: true, onclick: () => box.close() }, t("ok"));
  const box = h("dialog", { class: "dialog wide", data: { testid: "help-dialog" }, "aria-label": t("help") },
    h("h2", {}, t("help")), h("dl", { class: "shortcuts" }, rows), h("div", { class: "dialog-actions" }, button));
  open(box);
}

/** Asks for a new person; `accept` returns what is wrong, or nothing. */
export function personBox(id, language, accept) {
  const name = h("input", { name: "name", required: true, maxlength: 40, autocomplete: "off", autofocus: true, data: { testid: "person-name" } });
  const number = h("input", { name: "id", type: "number", min: 1, max: 4503599627370495, required: true, value: id, data: { testid: "person-id" } });
  const choice = h("select", { name: "language", data: { testid: "person-language" } },
    h("option", { value: "en" }, t("english")), h("option", { value: "ru" }, t("russian")));
  choice.value = language;
  const field = (label, input) => h("label", { class: "field" }, h("span", { class: "field-label" }, label), input);
  const submit = (event) => {
    event.preventDefault();
    const wrong = accept(Number(number.value), name.value.trim(), choice.value);
    number.setCustomValidity(wrong ?? "");
    if (wrong) number.reportValidity(); else box.close();
  };
  number.addEventListener("input", () => number.setCustomValidity(""));
  const box = h("dialog", { class: "dialog", data: { testid: "person-dialog" }, "aria-label": t("addPerson") },
    h("form", { onsubmit: submit },
      h("h2", {}, t("addPerson")), field(t("name"), name), field(t("language"), choice), field(t("number"), number),
      h("div", { class: "dialog-actions" },
        h("button", { class: "secondary", type: "button", onclick: () => box.close() }, t("cancel")),
        h("button", { class: "primary", type: "submit", data: { testid: "person-save" } }, t("add")))));
  open(box);
}
