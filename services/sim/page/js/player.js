// A voice message: play, pause, seek; one plays at a time on the whole page.
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { duration } from "./time.js";

const BARS = 36;
let playing = null;

/** Heights that look like speech and are the same for the same message. */
function heights(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return Array.from({ length: BARS }, (_, at) => {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    const envelope = 0.45 + 0.55 * Math.abs(Math.sin(at / 4.3 + (seed % 7)));
    return Math.round(18 + 82 * envelope * (((state >>> 0) % 100) / 100));
  });
}

export function voicePlayer(message) {
  const audio = new Audio();
  audio.preload = "none";
  audio.src = message.file_url;
  const known = message.file?.duration ?? 0;
  const bars = heights(message.message_id).map((height) => {
    const bar = h("i");
    bar.style.height = `${height}%`;
    return bar;
  });
  const wave = h("div", { class: "wave" }, bars);
  const time = h("span", { class: "voice-time" }, duration(known));
  const button = h("button", { class: "voice-play", type: "button", "aria-label": t("play"), data: { testid: "voice-play" } }, icon("play"));
  const total = () => (Number.isFinite(audio.duration) && audio.duration > 0 ? audio.duration : known);

  const show = () => {
    const part = total() ? audio.currentTime / total() : 0;
    bars.forEach((bar, at) => bar.classList.toggle("played", at / BARS < part));
    time.textContent = duration(audio.currentTime > 0 && !audio.ended ? audio.currentTime : total());
    button.replaceChildren(icon(audio.paused ? "play" : "pause"));
    button.setAttribute("aria-label", t(audio.paused ? "play" : "pause"));
  };
  button.addEventListener("click", () => {
    if (!audio.paused) { audio.pause(); return; }
    if (playing && playing !== audio) playing.pause();
    playing = audio;
    audio.play().catch(show);
  });
  wave.addEventListener("click", (event) => {
    const box = wave.getBoundingClientRect();
    if (total()) audio.currentTime = ((event.clientX - box.left) / box.width) * total();
  });
  for (const name of ["play", "pause", "ended", "timeupdate", "loadedmetadata"]) audio.addEventListener(name, show);
  return h("div", { class: "voice", data: { testid: "voice" } }, button, h("div", { class: "voice-body" }, wave, time));
}
