// A voice message from the microphone; without one, a sound file can be attached instead.

const LONGEST_MS = 5 * 60_000;
const TYPES = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];

/** Begins to record; resolves to {stop(): Promise<{blob, seconds}>}. */
export async function record(onLimit) {
  if (!navigator.mediaDevices || !window.MediaRecorder) throw new Error("MediaRecorder");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
  const pieces = [];
  const began = performance.now();
  const limit = setTimeout(onLimit, LONGEST_MS);
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.start();
  const stop = () => new Promise((resolve) => {
    clearTimeout(limit);
    recorder.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      resolve({ blob: new Blob(pieces, { type: recorder.mimeType }), seconds: (performance.now() - began) / 1000 });
    }, { once: true });
    recorder.stop();
  });
  return { stop };
}
