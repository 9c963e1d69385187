// The bot's commands: a list above the input, chosen by arrows, Tab, Enter or click.
import { h } from "./dom.js";
import { t } from "./i18n.js";

let count = 0;

export class CommandMenu {
  /** `choose(command)` with the whole command, slash included. */
  constructor(input, choose) {
    this.input = input;
    this.choose = choose;
    this.options = [];
    this.at = 0;
    this.id = `commands-${(count += 1)}`;
    this.element = h("ul", { class: "commands", id: this.id, role: "listbox", "aria-label": t("commands"), hidden: true, data: { testid: "commands" } });
    for (const [name, value] of [["role", "combobox"], ["aria-expanded", "false"], ["aria-controls", this.id], ["aria-autocomplete", "list"]]) input.setAttribute(name, value);
  }

  get open() { return !this.element.hidden; }

  /** Shows what fits the text; nothing when it is no command. */
  update(commands, text) {
    const typed = /^\/(\S*)$/.exec(text);
    this.options = typed ? commands.filter(({ command }) => command.startsWith(typed[1].toLowerCase())) : [];
    this.at = Math.min(this.at, Math.max(0, this.options.length - 1));
    this.element.hidden = this.options.length === 0;
    this.input.setAttribute("aria-expanded", String(this.open));
    this.render();
  }

  render() {
    this.element.replaceChildren(...this.options.map(({ command, description }, at) =>
      h("li", {
        class: "command-option", role: "option", id: `${this.id}-${at}`, "aria-selected": String(at === this.at), data: { testid: "command-option" },
        onmousedown: (event) => { event.preventDefault(); this.pick(at); },
      }, h("b", {}, `/${command}`), h("span", {}, description))));
    if (this.open) this.input.setAttribute("aria-activedescendant", `${this.id}-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
    this.element.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  pick(at) {
    const option = this.options[at];
    this.close();
    if (option) this.choose(`/${option.command}`);
  }

  close() {
    this.element.hidden = true;
    this.options = [];
    this.at = 0;
    this.input.setAttribute("aria-expanded", "false");
    this.render();
  }

  /** True when the key was for the menu. */
  key(event) {
    if (!this.open) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.at = (this.at + step + this.options.length) % this.options.length;
    if (event.key === "Enter") this.pick(this.at);
    else if (event.key === "Tab") {
      this.input.value = `/${this.options[this.at].command} `;
      this.close();
    } else if (event.key === "Escape") this.close();
    else if (step) this.render();
    else return false;
    event.preventDefault();
    return true;
  }
}
