// What this browser remembers: the people, what each has read, and how the page was left.
import { language } from "./i18n.js";

const KEY = "vitte.people";
const HUES = [340, 205, 28, 160, 268, 12, 186, 48, 300, 225];
const LISTENERS = new Set();

function read(key, otherwise) {
  try { return JSON.parse(localStorage.getItem(key)) ?? otherwise; } catch { return otherwise; }
}

function write(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* private mode: remembered until the page closes */ }
}

const first = () => {
  const people = [
    { id: 1001, name: "Anna", language: "en", hue: HUES[0], seen: 0 },
    { id: 1002, name: "Иван", language: "ru", hue: HUES[1], seen: 0 },
  ];
  return language === "ru" ? people.reverse() : people;
};

export const people = read(KEY, null) ?? first();
export const layout = read("vitte.layout", null) ?? { open: [people[0].id], active: 0 };

export const personOf = (id) => people.find((person) => person.id === id);
export const onChange = (listener) => LISTENERS.add(listener);

export function save() {
  write(KEY, people.map(({ id, name, language, hue, seen }) => ({ id, name, language, hue, seen })));
  write("vitte.layout", layout);
  for (const listener of LISTENERS) listener();
}

export const nextId = () => Math.max(1000, ...people.map((person) => person.id)) + 1;

export function add(id, name, language, quietly = false) {
  const person = { id, name, language, hue: HUES[people.length % HUES.length], seen: 0 };
  people.push(person);
  if (!quietly) save();
  return person;
}

export function markSeen(person, messageId) {
  if (messageId > person.seen) {
    person.seen = messageId;
    save();
  }
}
