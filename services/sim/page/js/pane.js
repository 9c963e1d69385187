// One open chat: head, log, composer, and the stream of what happens in it.
import * as api from "./api.js";
import { avatar } from "./avatar.js";
import { Composer } from "./composer.js";
import { announce, h, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { Log } from "./log.js";
import { alertBox, toast } from "./overlays.js";
import { setUpRichText } from "./richtext.js";
import * as store from "./store.js";
import { listen } from "./stream.js";

const NEAR_END = 90;
/** A pressed button that nobody answers comes back after this. */
const PRESS_LIMIT_MS = 15_000;
const ACTIONS = { typing: "typing", upload_photo: "uploadPhoto", record_voice: "recordVoice", upload_voice: "recordVoice", upload_document: "uploadDocument" };

export class Pane {
  /** app: {bot(), commands(language), connection(pane, ok), changed(person, message), activate(pane), back(), split(), close(pane)} */
  constructor(person, app) {
    this.person = person;
    this.app = app;
    this.loaded = false;
    this.busy = new Set();
    this.log = new Log((id, data, element) => this.press(id, data, element));
    this.composer = new Composer(person, () => app.commands(person.language));
    this.name = h("h2", { class: "pane-name", data: { testid: "bot-name" } });
    this.status = h("p", { class: "pane-status", data: { testid: "status" } });
    this.splitButton = iconButton("split", t("split"), { class: "split-button", data: { testid: "split" }, onclick: () => app.split() });
    this.closeButton = iconButton("close", t("unsplit"), { class: "split-button", data: { testid: "close-pane" }, onclick: () => app.close(this) });
    this.face = h("span", {});
    const as = h("span", { class: "pane-as", title: `${person.name} · ${person.id}` }, avatar(person.name, person.hue, "small"), h("b", {}, person.name));
    const head = h("header", { class: "pane-head" },
      iconButton("back", t("back"), { class: "pane-back", data: { testid: "back" }, onclick: () => app.back() }),
      this.face, h("div", { class: "pane-title" }, this.name, this.status), as, this.splitButton, this.closeButton);
    this.scroll = h("div", { class: "scroll", tabindex: 0, "aria-label": t("chatOf", person.name), data: { testid: "scroll" } });
    this.end = h("button", { class: "to-end", type: "button", hidden: true, title: t("toEnd"), "aria-label": t("toEnd"), onclick: () => this.toEnd(true) }, icon("down"));
    this.element = h("section", { class: "pane", "aria-label": t("chatOf", person.name), data: { testid: "pane", person: person.id } }, head, this.scroll, this.end,
      h("div", { class: "toasts", role: "status", "aria-live": "polite", data: { testid: "toasts" } }), this.composer.element);
    this.element.addEventListener("focusin", () => app.activate(this));
    this.element.addEventListener("pointerdown", () => app.activate(this));
    this.pinned = true;
    this.scroll.addEventListener("scroll", () => { this.pinned = this.nearEnd(); this.end.hidden = this.pinned; }, { passive: true });
    // Pictures arrive late, drafts grow, windows shrink: who was at the end stays there.
    this.resized = new ResizeObserver(() => { if (this.pinned) this.toEnd(); });
    this.resized.observe(this.scroll);
    this.resized.observe(this.log.element);
    setUpRichText(this.scroll, (command) => this.composer.sendText(command));
    this.setUpDrop();
    this.showBot();
    this.stop = listen(api.eventsUrl(person.id), {
      event: (name, data) => this.onEvent(name, data),
      prepare: () => api.enter(person),
      open: () => { app.connection(this, true); this.load(); },
      // An answer with a status is no lost connection: there is no bot yet.
      lost: (error) => { this.loaded ||= Boolean(error?.status); app.connection(this, Boolean(error?.status)); this.showEmpty(); },
    });
  }

  destroy() {
    this.stop();
    this.resized.disconnect();
    clearTimeout(this.typingTimer);
    clearTimeout(this.draftTimer);
    this.element.remove();
  }

  showBot() {
    const bot = this.app.bot();
    this.name.textContent = bot?.name ?? "Vitte";
    this.face.replaceChildren(avatar(this.name.textContent, undefined, "medium"));
    this.showStatus();
    this.showEmpty();
    this.composer.refresh();
  }

  showStatus(action) {
    const bot = this.app.bot();
    this.status.textContent = action ? t(ACTIONS[action] ?? "typing") : bot?.username ? `@${bot.username}` : t("bot");
    this.status.classList.toggle("active", Boolean(action));
  }

  async load() {
    try {
      const { messages, typing, draft } = await api.look(this.person.id);
      this.log.reset(messages);
      if (draft) this.onDraft(draft);
      else this.onTyping(typing ?? null);
      this.loaded = true;
      this.showEmpty();
      this.seen();
      if (this.log.last) this.app.changed(this.person, this.log.last);
      if (this.pinned) this.toEnd();
      const keyboard = messages.findLast((message) => message.keyboard)?.keyboard;
      this.composer.setKeyboard(keyboard);
    } catch {
      this.app.connection(this, false);
    }
  }

  onEvent(name, data) {
    if (name === "message" || name === "edited") this.onMessage(name, data);
    else if (name === "deleted") this.log.remove(data.message_id);
    else if (name === "typing") this.onTyping(data.action ?? "typing", data.seconds ?? 5);
    else if (name === "draft") this.onDraft(data);
    else if (name === "toast") this.onToast(data);
    else if (name === "reset") this.load();
    this.showEmpty();
    if (this.pinned || data.from === "user") this.toEnd();
  }

  onMessage(name, message) {
    // A draft becomes its message in place, without a jump.
    const becomes = Boolean(this.log.draft);
    if (message.from === "bot" && name === "message") {
      this.onTyping(null);
      this.onDraft(null);
      announce(`${this.name.textContent}: ${message.text || t(message.kind)}`);
    }
    if (message.keyboard) this.composer.setKeyboard(message.keyboard);
    this.log.put(message, !becomes);
    this.seen();
    // An edit may be of an older one.
    this.app.changed(this.person, this.log.last);
  }

  onTyping(action, seconds = 5) {
    clearTimeout(this.typingTimer);
    if (action) this.typingTimer = setTimeout(() => this.onTyping(null), seconds * 1000);
    this.showStatus(action);
    this.log.setTyping(action !== null);
  }

  onDraft(draft) {
    clearTimeout(this.draftTimer);
    const text = draft?.text ? draft : null;
    if (text) this.draftTimer = setTimeout(() => this.onDraft(null), (draft.seconds ?? 30) * 1000);
    if (text) this.showStatus("typing");
    this.log.setDraft(text);
    if (!text && !this.log.typing) this.showStatus();
  }

  onToast(data) {
    for (const element of this.busy) element.classList.remove("busy");
    this.busy.clear();
    if (data.text && data.alert) alertBox(data.text);
    else if (data.text) toast(data.text, false, this.element);
    if (/^https?:/i.test(data.url ?? "")) window.open(data.url, "_blank", "noopener");
  }

  async press(messageId, data, element) {
    element.classList.add("busy");
    this.busy.add(element);
    const release = () => { element.classList.remove("busy"); this.busy.delete(element); };
    setTimeout(release, PRESS_LIMIT_MS);
    try {
      await api.press(this.person, messageId, data);
    } catch (error) {
      release();
      toast(t("failed", error.message), true, this.element);
    }
  }

  showEmpty() {
    const empty = this.loaded && this.log.size === 0;
    this.composer.setNew(empty);
    if (!empty) {
      if (this.log.element.parentNode !== this.scroll) this.scroll.replaceChildren(this.log.element);
      return;
    }
    const bot = this.app.bot();
    this.scroll.replaceChildren(h("div", { class: "empty", data: { testid: "empty" } },
      avatar(bot?.name ?? "V", undefined), h("h2", {}, bot?.name ?? t("emptyTitle")),
      h("p", {}, bot ? t("emptyText", this.person.name) : t("noBot"))));
    if (this.log.draft || this.log.typing) this.scroll.append(this.log.element);
  }

  /** What is shown on an active page has been read. */
  seen() {
    const last = this.log.last;
    if (last && !document.hidden && this.element.offsetParent) store.markSeen(this.person, last.message_id);
  }

  nearEnd() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < NEAR_END;
  }

  toEnd(smooth = false) {
    this.scroll.scrollTo({ top: this.scroll.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  }

  setUpDrop() {
    const over = (on) => (event) => { event.preventDefault(); this.element.classList.toggle("dropping", on); };
    this.element.addEventListener("dragover", over(true));
    this.element.addEventListener("dragleave", over(false));
    this.element.addEventListener("drop", (event) => { over(false)(event); this.composer.attach([...event.dataTransfer.files]); });
  }
}
