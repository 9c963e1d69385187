// The input of one chat: text, commands, photo, voice.
import * as api from "./api.js";
import { CommandMenu } from "./commands.js";
import { h, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { toast } from "./overlays.js";
import { record } from "./recorder.js";

const LONGEST = 4096;

export class Composer {
  /** `commands()` gives the bot's commands in the person's language. */
  constructor(person, commands) {
    this.person = person;
    this.commands = commands;
    this.recording = null;
    this.input = h("textarea", { rows: 1, maxlength: LONGEST, placeholder: t("message"), "aria-label": t("message"), autocomplete: "off", enterkeyhint: "send", data: { testid: "input" } });
    this.menu = new CommandMenu(this.input, (command) => this.sendText(command));
    this.file = h("input", { type: "file", accept: "image/*,audio/*", hidden: true, data: { testid: "file" }, onchange: () => this.attach([...this.file.files]) });
    this.commandButton = iconButton("menu", t("commands"), { class: "command-button", data: { testid: "command-button" }, onclick: () => this.toggleCommands() });
    this.sendButton = iconButton("send", t("send"), { class: "send", data: { testid: "send" }, onclick: () => this.submit() });
    this.recordButton = iconButton("mic", t("record"), { class: "record", data: { testid: "record" }, onclick: () => this.toggleRecording() });
    const attach = iconButton("clip", t("attach"), { data: { testid: "attach" }, onclick: () => this.file.click() });
    this.box = h("div", { class: "composer-box" }, this.commandButton, attach, this.file, this.input, this.recordButton, this.sendButton);
    this.startButton = h("button", { class: "start", type: "button", data: { testid: "start" }, onclick: () => this.sendText("/start") }, t("start"));
    this.keys = h("div", { class: "reply-keys", hidden: true, data: { testid: "reply-keys" } });
    this.element = h("div", { class: "composer" }, h("div", { class: "composer-inner" }, this.menu.element, this.box, this.startButton, this.keys));
    this.input.addEventListener("input", () => this.refresh());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.menu.close());
    this.input.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) { event.preventDefault(); this.attach(files); }
    });
    this.startButton.hidden = true;
    this.refresh();
  }

  /** A chat without messages begins with one button. */
  setNew(isNew) {
    if (this.box.hidden === isNew) return;
    const focused = this.element.contains(document.activeElement);
    this.startButton.hidden = !isNew;
    this.box.hidden = isNew;
    this.refresh();
    if (focused) this.focus();
  }

  /** A reply keyboard of the bot, as Telegram gives it, or nothing. */
  setKeyboard(markup) {
    const rows = markup?.keyboard ?? [];
    this.keys.replaceChildren(...rows.map((row) => h("div", {}, row.map((key) => {
      const text = typeof key === "string" ? key : key.text;
      return h("button", { type: "button", onclick: () => this.sendText(text) }, text);
    }))));
    this.keys.hidden = rows.length === 0;
  }

  focus() {
    (this.box.hidden ? this.startButton : this.input).focus();
  }

  refresh() {
    const hasText = this.input.value.trim() !== "";
    this.sendButton.hidden = !hasText;
    this.recordButton.hidden = hasText && !this.recording;
    this.commandButton.hidden = this.commands().length === 0;
    this.menu.update(this.commands(), this.input.value);
    this.input.style.height = "auto";
    // Nothing can be measured while it is hidden.
    if (this.input.scrollHeight) this.input.style.height = `${Math.min(this.input.scrollHeight, 168)}px`;
  }

  key(event) {
    if (event.isComposing || this.menu.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); this.submit(); }
    if (event.key === "Escape") this.input.blur();
  }

  toggleCommands() {
    this.input.value = this.menu.open ? "" : "/";
    this.input.focus();
    this.refresh();
  }

  submit() {
    const text = this.input.value.trim();
    if (text) this.sendText(text, true);
  }

  async sendText(text, typed = false) {
    // The line is free at once; what could not be sent comes back to it.
    if (typed || this.input.value.startsWith("/")) this.input.value = "";
    this.refresh();
    try {
      await api.say(this.person, text);
    } catch (error) {
      if (!this.input.value) this.input.value = text;
      this.refresh();
      toast(t("failed", error.message), true, this.element);
    }
    if (!this.box.hidden && this.element.contains(document.activeElement)) this.input.focus();
  }

  async attach(files) {
    for (const file of files) {
      const kind = file.type.startsWith("image/") ? "photo" : file.type.startsWith("audio/") ? "voice" : null;
      if (!kind) { toast(t("notAPhoto"), true, this.element); continue; }
      await this.upload(kind, file, file.name);
    }
    this.file.value = "";
  }

  async upload(kind, blob, name, seconds) {
    try {
      await api.upload(this.person, kind, blob, name, seconds);
    } catch (error) {
      toast(t("failed", error.message), true, this.element);
    }
  }

  async toggleRecording() {
    if (this.recording) {
      const recording = this.recording;
      this.recording = null;
      this.showRecording(false);
      const { blob, seconds } = await recording.stop();
      await this.upload("voice", blob, "voice.ogg", seconds);
      return;
    }
    try {
      this.recording = await record(() => this.toggleRecording());
      this.showRecording(true);
    } catch (error) {
      toast(t("noMic", error.message), true, this.element);
    }
  }

  showRecording(on) {
    this.element.classList.toggle("recording", on);
    const label = t(on ? "stopRecording" : "record");
    this.recordButton.title = label;
    this.recordButton.setAttribute("aria-label", label);
    this.recordButton.replaceChildren(icon(on ? "stop" : "mic"));
  }
}
