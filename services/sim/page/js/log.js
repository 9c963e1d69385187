// The list of messages of one chat: keeps rows in order, grouped, with days between them.
import { h } from "./dom.js";
import { draftRow, messageRow, typingRow } from "./message.js";
import { dayKey, dayName } from "./time.js";

/** Messages of one author closer than this belong together. */
const GROUP_SECONDS = 300;

export class Log {
  constructor(press) {
    this.press = press;
    this.messages = new Map();
    this.rows = new Map();
    this.days = new Map();
    this.draft = null;
    this.typing = null;
    this.element = h("div", { class: "log", role: "log", "aria-live": "off", data: { testid: "log" } });
  }

  get size() { return this.messages.size; }
  get last() { return [...this.messages.values()].reduce((newest, m) => (!newest || m.message_id > newest.message_id ? m : newest), null); }

  /** Replaces all, as after a reconnection. */
  reset(messages) {
    this.messages = new Map(messages.map((message) => [message.message_id, message]));
    this.render(false);
  }

  put(message, animate = true) {
    this.messages.set(message.message_id, message);
    this.render(animate);
  }

  remove(id) {
    const row = this.rows.get(id)?.element;
    if (!this.messages.delete(id) || !row) return;
    row.classList.add("leaving");
    setTimeout(() => this.render(true), 180);
  }

  setTyping(on) {
    if (on && !this.typing && !this.draft) this.typing = typingRow();
    if (!on) this.typing = null;
    this.render(true);
  }

  setDraft(draft) {
    if (draft) {
      this.typing = null;
      this.draft ??= draftRow();
      this.draft.show(draft);
    } else {
      this.draft = null;
    }
    this.render(true);
  }

  row(message, animate) {
    const print = JSON.stringify([message.revision, message.html, message.text, message.buttons, message.edited]);
    const kept = this.rows.get(message.message_id);
    if (kept?.print === print) return kept.element;
    const element = messageRow(message, this.press);
    if (animate && !kept) element.classList.add("fresh");
    this.rows.set(message.message_id, { print, element });
    return element;
  }

  day(message) {
    const key = dayKey(message.date);
    const chip = this.days.get(key) ?? h("div", { class: "day", data: { testid: "day" } });
    chip.textContent = dayName(message.date);
    this.days.set(key, chip);
    return chip;
  }

  render(animate) {
    const ordered = [...this.messages.values()].sort((a, b) => a.message_id - b.message_id);
    const wanted = [];
    ordered.forEach((message, at) => {
      const before = ordered[at - 1];
      const after = ordered[at + 1];
      const joins = (one, other) => Boolean(one && other) && one.from === other.from
        && other.date - one.date < GROUP_SECONDS && dayKey(one.date) === dayKey(other.date);
      if (!before || dayKey(before.date) !== dayKey(message.date)) wanted.push(this.day(message));
      const row = this.row(message, animate);
      row.classList.toggle("first", !joins(before, message));
      row.classList.toggle("last", !joins(message, after));
      wanted.push(row);
    });
    if (this.draft) wanted.push(this.draft.element);
    else if (this.typing) wanted.push(this.typing);
    this.place(wanted);
    for (const id of this.rows.keys()) if (!this.messages.has(id)) this.rows.delete(id);
  }

  /** Moves only what is not in its place: playing sounds and open spoilers stay. */
  place(wanted) {
    const keep = new Set(wanted);
    for (const child of [...this.element.children]) if (!keep.has(child)) child.remove();
    wanted.forEach((node, at) => {
      const here = this.element.children[at];
      if (here !== node) this.element.insertBefore(node, here ?? null);
    });
  }
}
