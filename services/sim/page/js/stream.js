// Server-sent events of one chat. Every (re)connection asks for a full read, since what happened
// in between was not sent to us.

const NAMES = ["message", "edited", "deleted", "typing", "draft", "toast", "reset"];
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;

/** handlers: {prepare(): Promise, event(name, data), open(), lost(error?)}; returns a function that ends it. */
export function listen(url, handlers) {
  let source = null;
  let timer = 0;
  let wait = FIRST_RETRY_MS;
  let ended = false;

  const again = (error) => {
    if (ended) return;
    handlers.lost(error);
    timer = setTimeout(connect, wait);
    wait = Math.min(wait * 2, LAST_RETRY_MS);
  };

  const connect = async () => {
    try { await handlers.prepare(); } catch (error) { again(error); return; }
    if (ended) return;
    source = new EventSource(url);
    source.onopen = () => { wait = FIRST_RETRY_MS; handlers.open(); };
    // The browser gives up for good on some errors, so we always reconnect by ourselves.
    source.onerror = () => {
      source.close();
      again();
    };
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        let data = {};
        try { data = JSON.parse(event.data); } catch { return; }
        handlers.event(name, data);
      });
    }
  };

  connect();
  return () => { ended = true; clearTimeout(timer); source?.close(); };
}
