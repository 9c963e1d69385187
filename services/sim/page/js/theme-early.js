// Before the first paint, so that a dark room stays dark. The toggle itself is in theme.js.
(() => {
  let kept = null;
  try { kept = localStorage.getItem("vitte.theme"); } catch { /* storage may be forbidden */ }
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
