// Puts the page together: people, one or two open chats, connection, keys.
import * as api from "./api.js";
import { h, icon } from "./dom.js";
import { language, t } from "./i18n.js";
import { setUpKeys } from "./keys.js";
import { helpBox, personBox } from "./overlays.js";
import { Pane } from "./pane.js";
import { renderPeople } from "./people.js";
import * as store from "./store.js";
import { setUpTheme } from "./theme.js";

const POLL_MS = 3_000;
const GOOD_NEWS_MS = 1_800;
const $ = (id) => document.getElementById(id);
const { layout, people } = store;

let bot = null;
let panes = [];
let wasLost = false;
const lost = new Set();
const summaries = new Map();

const app = {
  bot: () => bot,
  commands: (code) => bot?.commands?.[code] ?? bot?.commands?.[""] ?? [],
  connection(pane, ok) {
    if (ok) lost.delete(pane); else lost.add(pane);
    showConnection();
  },
  changed(person, last) {
    summarize(person, last);
    showPeople();
  },
  activate(pane) {
    const at = panes.indexOf(pane);
    if (at >= 0 && at !== layout.active) { layout.active = at; store.save(); showActive(); }
  },
  back() {
    show("list");
    store.save();
    $("people").querySelector("[aria-current=true]")?.focus();
  },
  split() {
    if (panes.length > 1) return app.close(panes[1 - layout.active]);
    const other = people.find((person) => !layout.open.includes(person.id));
    if (!other) return askPerson();
    layout.open.push(other.id);
    layout.active = 1;
    arrange();
  },
  close(pane) {
    if (panes.length < 2) return;
    layout.open.splice(panes.indexOf(pane), 1);
    layout.active = 0;
    arrange();
  },
};

/** On a phone either the people or a chat is to be seen; a reload comes back to it. */
function show(view) {
  layout.view = view;
  $("app").dataset.view = view;
}

/** What the list of people says about a chat whose newest message is `last`. */
function summarize(person, last) {
  const visible = !document.hidden && panes.some((pane) => pane.person === person && pane.element.offsetParent);
  const unread = last?.from === "bot" && !visible ? Math.max(0, last.message_id - person.seen) : 0;
  summaries.set(person.id, { last, unread });
}

/** Shows a person's chat in the active pane, or where it is open already. */
function open(id) {
  const at = layout.open.indexOf(id);
  if (at >= 0) layout.active = at; else layout.open[layout.active] = id;
  show("chat");
  arrange();
  panes[layout.active]?.composer.focus();
}

/** Makes the panes be those of the layout; an open chat is kept as it is. */
function arrange() {
  layout.open = [...new Set(layout.open)].filter(store.personOf).slice(0, 2);
  if (layout.open.length === 0) layout.open = [people[0].id];
  layout.active = Math.min(layout.active, layout.open.length - 1);
  for (const pane of panes.filter((pane) => !layout.open.includes(pane.person.id))) {
    lost.delete(pane);
    pane.destroy();
  }
  panes = layout.open.map((id) => panes.find((pane) => pane.person.id === id && pane.element.isConnected) ?? new Pane(store.personOf(id), app));
  const box = $("panes");
  panes.forEach((pane, at) => { if (box.children[at] !== pane.element) box.insertBefore(pane.element, box.children[at] ?? null); });
  store.save();
  showConnection();
  showActive();
}

function showActive() {
  $("panes").classList.toggle("split", panes.length > 1);
  panes.forEach((pane, at) => {
    pane.element.classList.toggle("active", at === layout.active);
    pane.splitButton.hidden = panes.length > 1;
    pane.closeButton.hidden = panes.length < 2;
    pane.seen();
    summarize(pane.person, pane.log.last ?? summaries.get(pane.person.id)?.last);
  });
  showPeople();
}

function showPeople() {
  renderPeople($("people"), summaries, layout.open, layout.open[layout.active], open);
}

function showConnection() {
  const banner = $("banner");
  if (lost.size) {
    wasLost = true;
    banner.className = "banner";
    banner.textContent = t("lost");
    banner.hidden = false;
  } else if (wasLost) {
    wasLost = false;
    banner.className = "banner good";
    banner.textContent = t("regained");
    setTimeout(() => { if (!lost.size) banner.hidden = true; }, GOOD_NEWS_MS);
  }
}

function askPerson() {
  personBox(store.nextId(), language, (id, name, code) => {
    if (store.personOf(id)) return t("idTaken");
    store.add(id, name, code);
    open(id);
    return null;
  });
}

/** What happens in chats that are not open, and who has come by other ways. */
async function poll() {
  try {
    const [chats, found] = await Promise.all([api.chats(), api.bot().catch(() => null)]);
    for (const chat of chats) {
      if (chat.chat_id <= 0) continue;
      const person = store.personOf(chat.chat_id) ?? store.add(chat.chat_id, chat.title, chat.people?.[0]?.language_code?.startsWith("ru") ? "ru" : "en", true);
      const last = chat.last_message;
      // A world begun anew counts from one again.
      person.seen = Math.min(person.seen, last?.message_id ?? 0);
      summarize(person, last);
    }
    if (JSON.stringify(found) !== JSON.stringify(bot)) {
      bot = found;
      for (const pane of panes) pane.showBot();
    }
    showPeople();
  } catch { /* the streams tell that the connection is lost */ }
  setTimeout(poll, POLL_MS);
}

function setUp() {
  document.documentElement.lang = language;
  $("brand-note").textContent = t("note");
  $("people").setAttribute("aria-label", t("people"));
  $("sidebar").setAttribute("aria-label", t("people"));
  $("add-person").append(icon("plus"), t("addPerson"));
  $("add-person").addEventListener("click", askPerson);
  $("sidebar-foot").append(h("p", {}, t("foot")), h("a", { href: "/docs" }, t("docs")), h("a", { href: "/admin" }, t("admin")));
  for (const id of ["theme", "help"]) { $(id).title = t(id); $(id).setAttribute("aria-label", t(id)); }
  $("help").append(icon("help"));
  $("help").addEventListener("click", helpBox);
  const toggleTheme = setUpTheme($("theme"));
  const write = () => panes[layout.active]?.composer.focus();
  const pick = (at) => { if (people[at]) open(people[at].id); };
  setUpKeys({
    step: (by) => pick((people.findIndex((person) => person.id === layout.open[layout.active]) + by + people.length) % people.length),
    pick, write, add: askPerson, split: app.split, theme: toggleTheme, help: helpBox,
    otherPane: () => { layout.active = (layout.active + 1) % panes.length; showActive(); write(); },
    commands: () => panes[layout.active]?.composer.toggleCommands(),
  });
  document.addEventListener("visibilitychange", () => { for (const pane of panes) pane.seen(); });
  const asked = Number(new URLSearchParams(location.search).get("chat"));
  if (store.personOf(asked)) layout.open = [asked];
  show(asked ? "chat" : layout.view ?? "list");
  arrange();
  poll();
}

setUp();
