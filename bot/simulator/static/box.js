/* Renews the chat window and the strip once a second while the page is looked at. Without it the page works by reloading. */
(() => {
  "use strict";
  const EVERY_MS = 1000;
  const chat = document.querySelector("[data-live]");
  if (!chat) return;
  const parts = new Map();
  for (const part of chat.querySelectorAll("[data-part]")) parts.set(part.dataset.part, part);
  const window_ = parts.get("bubbles");

  const toEnd = () => { if (window_) window_.scrollTop = window_.scrollHeight; };

  async function renew() {
    if (document.hidden) return;
    const answer = await fetch(chat.dataset.live, { cache: "no-store" });
    if (!answer.ok) return;
    const live = await answer.json();
    for (const [name, part] of parts) {
      const { html, version } = live[name];
      if (part.dataset.version === version) continue;
      if (part.contains(document.activeElement) && document.activeElement !== part) continue; // a button is in use
      const atEnd = part.scrollTop + part.clientHeight >= part.scrollHeight - 40;
      part.innerHTML = html;
      part.dataset.version = version;
      if (part === window_ && atEnd) toEnd();
    }
  }

  async function watch() {
    try { await renew(); } catch { /* the simulator is gone: try again */ }
    setTimeout(watch, EVERY_MS);
  }

  toEnd();
  watch();
})();
