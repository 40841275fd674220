// Live pages: one event stream; when something of the page's topics changes, fetch the page once and swap the parts marked data-live.
"use strict";
(() => {
  const topics = [document.body.dataset.topics, document.body.dataset.person && `person:${document.body.dataset.person}`].filter(Boolean).join(",");
  if (!topics || !("EventSource" in window)) return;
  const indicator = document.getElementById("live");
  const banner = document.getElementById("stale");
  const STALE = 10_000;
  let heard = Date.now();
  let waiting = null;
  let again = false;
  let busy = false;
  let missed = false;

  const say = (state, words) => {
    if (!indicator || indicator.dataset.liveState === state) return;
    indicator.dataset.liveState = state;
    indicator.querySelector("span").firstChild.textContent = words;
  };
  const zone = document.body.dataset.zone || "UTC";
  const clockTime = (at = new Date()) => new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone }).format(at);
  const updated = () => {
    const at = document.getElementById("live-at");
    if (at) at.textContent = clockTime();
  };
  const alive = (now) => {
    heard = Date.now();
    say("live", "Live");
    if (banner) banner.hidden = true;
    if (now) document.dispatchEvent(new CustomEvent("tocsin:time", { detail: now }));
    if (missed) {
      missed = false;
      changed();
    }
  };

  const inUse = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select, button");
  const edited = (part) => part.querySelector("[data-edited]") !== null;
  const keepOpen = (old, fresh) => {
    const before = old.querySelectorAll("details");
    fresh.querySelectorAll("details").forEach((details, n) => {
      if (before[n]) details.open = before[n].open;
    });
  };
  const markNew = (old, fresh) => {
    for (const entry of fresh.querySelectorAll("li.event[id]")) {
      if (!old.querySelector(`#${CSS.escape(entry.id)}`)) entry.classList.add("event-new");
    }
  };
  const swap = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
      if (!fresh || inUse(part) || edited(part)) continue;
      if (part.dataset.live === "timeline") markNew(part, fresh);
      keepOpen(part, fresh);
      if (fresh.innerHTML === part.innerHTML) continue;
      part.replaceWith(document.adoptNode(fresh));
      if (part.dataset.live === "my-pages") arrived(fresh);
      if (window.htmx) window.htmx.process(fresh);
    }
    updated();
  };
  const fetchPage = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, credentials: "same-origin", cache: "no-store" });
      if (answer.redirected && new URL(answer.url).pathname !== location.pathname) location.reload();
      else if (answer.ok) swap(await answer.text());
    } catch {
      missed = true;
    }
    busy = false;
    if (again) {
      again = false;
      changed();
    }
  };
  const changed = () => {
    clearTimeout(waiting);
    waiting = setTimeout(fetchPage, 150);
  };
  // Pages to this person: confirmed as shown (that is their delivery), as a browser notification, and with a ring; each once in this window.
  const known = new Set((sessionStorage.getItem("pages") || "").split(","));
  const ring = () => {
    if (!navigator.userActivation?.hasBeenActive) return; // browsers let a page ring once its person has touched it
    try {
      const audio = new AudioContext();
      [0, 0.35, 0.7].forEach((after) => {
        const tone = audio.createOscillator();
        tone.frequency.value = 880;
        tone.connect(audio.destination);
        tone.start(audio.currentTime + after);
        tone.stop(audio.currentTime + after + 0.2);
      });
      setTimeout(() => audio.close(), 1500);
    } catch { /* no sound here: the banner and the notification remain */ }
  };
  const arrived = (part) => {
    for (const form of part.querySelectorAll("form[data-shown]")) {
      fetch(form.action, { method: "POST", body: new FormData(form), credentials: "same-origin", keepalive: true }).catch(() => {});
    }
    const fresh = [...part.querySelectorAll("[data-page-id]")].filter((page) => !known.has(page.dataset.pageId));
    for (const page of fresh) {
      known.add(page.dataset.pageId);
      if ("Notification" in window && Notification.permission === "granted") {
        new Notification(page.dataset.pageTitle, { tag: page.dataset.pageId, requireInteraction: true });
      }
    }
    if (!fresh.length) return;
    sessionStorage.setItem("pages", [...known].slice(-50).join(","));
    ring();
  };

  document.addEventListener("input", (event) => {
    if (event.target.closest("[data-live] form")) event.target.dataset.edited = "yes";
  });

  if (indicator) indicator.hidden = false;
  let stream;
  const connect = () => {
    const since = encodeURIComponent(document.body.dataset.now || "");
    const after = lastId ? `&after=${lastId}` : `&since=${since}`;
    stream = new EventSource(`/live?topics=${encodeURIComponent(topics)}${after}`);
    stream.addEventListener("open", () => alive());
    stream.addEventListener("beat", (event) => alive(event.data));
    stream.addEventListener("changed", (event) => {
      if (event.lastEventId) lastId = event.lastEventId;
      alive();
      changed();
    });
    stream.addEventListener("error", () => {
      missed = true;
      if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 3000 + Math.random() * 4000);
    });
  };
  let lastId = "";
  connect();
  const mine = document.querySelector('[data-live="my-pages"]');
  if (mine) arrived(mine);
  setInterval(() => {
    const quiet = Date.now() - heard;
    if (quiet < STALE) return;
    missed = true;
    const offline = navigator.onLine === false;
    say(offline ? "offline" : "reconnecting", offline ? "Offline" : "Reconnecting");
    if (banner) {
      banner.classList.toggle("banner-bad", offline);
      banner.classList.toggle("banner-warn", !offline);
      const at = clockTime(new Date(heard));
      const text = offline
        ? `You are offline. This page shows ${at}; clocks go on. Pages can still be acknowledged by link from another device.`
        : `No news from the server since ${at}. Trying again; clocks go on, everything else keeps its time.`;
      const words = banner.querySelector(".grow");
      if (words.textContent !== text) words.textContent = text;
      banner.hidden = false;
    }
  }, 1000);
})();
