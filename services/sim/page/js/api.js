// The person's side of the simulated Telegram: every request of this page is here.

const LIMIT_MS = 20_000;

async function call(path, options = {}) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(LIMIT_MS), cache: "no-store" });
  const text = await response.text();
  let body = null;
  try { body = text ? JSON.parse(text) : null; } catch { /* an error of a proxy is no JSON */ }
  if (!response.ok) {
    const reason = body?.error ?? body?.detail ?? body?.title;
    const error = new Error(typeof reason === "string" ? reason : `HTTP ${response.status}`);
    error.status = response.status;
    throw error;
  }
  return body ?? {};
}

const send = (method, path, body) =>
  call(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

const sender = (person) => ({ id: person.id, first_name: person.name, language_code: person.language });

export const bot = () => call("/sim/bot");
export const chats = async () => (await call("/sim/chats")).chats ?? [];
/** {messages, typing, draft}: all that is to be seen in a chat now. */
export const look = (chat) => call(`/sim/chats/${chat}/messages?after=0`);
/** The chat exists afterwards; the bot is not told. */
export const enter = (person) => send("PUT", `/sim/chats/${person.id}`, { from: sender(person) });
export const say = (person, text) => send("POST", `/sim/chats/${person.id}/messages`, { text, from: sender(person) });
export const press = (person, message_id, data) => send("POST", `/sim/chats/${person.id}/callbacks`, { message_id, data, from: sender(person) });

export function upload(person, kind, file, name, seconds) {
  const form = new FormData();
  form.append("from", JSON.stringify(sender(person)));
  if (seconds) form.append("duration", String(Math.max(1, Math.round(seconds))));
  form.append(kind, file, name);
  return call(`/sim/chats/${person.id}/${kind}`, { method: "POST", body: form });
}

export const eventsUrl = (chat) => `/sim/chats/${chat}/events`;
