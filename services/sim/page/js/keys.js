// Everything can be done without a mouse; the list is under "?".

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

/** actions: {step(by), pick(at), split(), otherPane(), add(), write(), commands(), theme(), help()} */
export function setUpKeys(actions) {
  const withAlt = {
    ArrowUp: () => actions.step(-1), ArrowDown: () => actions.step(1),
    KeyS: actions.split, KeyN: actions.add, KeyM: actions.write, KeyT: actions.theme,
  };
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    let action = null;
    if (event.altKey && !event.ctrlKey && !event.metaKey) {
      const digit = /^Digit([1-9])$/.exec(event.code);
      action = digit ? () => actions.pick(Number(digit[1]) - 1) : withAlt[event.code];
    } else if (event.key === "F6") {
      action = actions.otherPane;
    } else if (!event.ctrlKey && !event.metaKey && !typing(event.target)) {
      action = { "?": actions.help, "/": actions.commands }[event.key];
    }
    if (!action) return;
    event.preventDefault();
    action();
  });
}
