// The list on the left: who there is, what was said last, what is unread.
import { avatar } from "./avatar.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import * as store from "./store.js";
import { isoOf, shortTime } from "./time.js";

const MOST_SHOWN = 99;

function preview(message) {
  if (!message) return t("noMessages");
  const text = message.text || t(message.kind);
  return message.from === "user" ? `${t("you")}: ${text}` : text;
}

/** summaries: Map of person id to {last, unread}; shown: ids of open chats; current: the active one. */
export function renderPeople(list, summaries, shown, current, open) {
  const rows = store.people.map((person) => {
    const { last, unread = 0 } = summaries.get(person.id) ?? {};
    const count = unread > MOST_SHOWN ? `${MOST_SHOWN}+` : String(unread);
    const button = h("button", {
      class: `person ${shown.includes(person.id) ? "shown" : ""}`, type: "button", "aria-current": String(person.id === current),
      data: { testid: "person", person: person.id }, onclick: () => open(person.id),
    },
    avatar(person.name, person.hue),
    h("span", {},
      h("span", { class: "person-top" }, h("span", { class: "person-name" }, person.name), h("span", { class: "person-language" }, person.language)),
      h("span", { class: "person-last" }, preview(last))),
    h("span", { class: "person-side" },
      last?.date ? h("time", { class: "person-time", datetime: isoOf(last.date) }, shortTime(last.date)) : null,
      unread ? h("span", { class: "unread", "aria-label": t("unread", unread), data: { testid: "unread" } }, count) : null));
    return h("li", {}, button);
  });
  const focused = document.activeElement?.closest?.(".person")?.dataset.person;
  list.replaceChildren(...rows);
  if (focused) list.querySelector(`[data-person="${focused}"]`)?.focus();
}
