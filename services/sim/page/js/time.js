// Dates as a messenger shows them. Server times are seconds since 1970.
import { language, t } from "./i18n.js";

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const sameYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" });
const otherYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(language, { day: "2-digit", month: "2-digit" });

const asDate = (seconds) => new Date(seconds * 1000);

export const timeOf = (seconds) => clock.format(asDate(seconds));
export const isoOf = (seconds) => asDate(seconds).toISOString();
export const dayKey = (seconds) => asDate(seconds).toDateString();

export function dayName(seconds) {
  const now = new Date();
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  const date = asDate(seconds);
  if (date.toDateString() === now.toDateString()) return t("today");
  if (date.toDateString() === yesterday.toDateString()) return t("yesterday");
  return (date.getFullYear() === now.getFullYear() ? sameYear : otherYear).format(date);
}

export const shortTime = (seconds) =>
  dayKey(seconds) === new Date().toDateString() ? timeOf(seconds) : short.format(asDate(seconds));

export function duration(seconds) {
  const whole = Math.max(0, Math.round(Number.isFinite(seconds) ? seconds : 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
