// The service worker: shows pages that are pushed to this browser, and acknowledges from the notification itself.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// Who was asked with this browser's cookies left at home: the signed links in the message prove everything.
const tell = (address, headers = {}) => fetch(address, { method: "POST", headers, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });

self.addEventListener("push", (event) => {
  let page;
  try { page = event.data.json(); } catch { page = { title: "Tocsin", body: "Open Tocsin to read it.", open: "/" }; }
  const actions = page.acknowledge ? [{ action: "acknowledge", title: "Acknowledge" }, { action: "open", title: "Open" }] : [];
  event.waitUntil((async () => {
    const rings = Boolean(page.urgent && !page.over); // who has it takes the place of the page, by its tag, without a sound
    await self.registration.showNotification(page.title, {
      body: page.body, tag: page.tag, renotify: Boolean(page.tag && rings), requireInteraction: rings, silent: Boolean(page.over),
      ...(rings ? { vibrate: [400, 200, 400, 200, 400] } : {}), icon: "/static/tocsin/app-192.png", badge: "/static/tocsin/badge-96.png",
      actions, data: { acknowledge: page.acknowledge, open: page.open, title: page.title },
    });
    if (page.shown) await tell(page.shown).catch(() => {}); // that it was shown is worth knowing, not worth failing for
  })());
});

self.addEventListener("notificationclick", (event) => {
  const { acknowledge, open, title } = event.notification.data || {};
  event.notification.close();
  event.waitUntil(event.action === "acknowledge" && acknowledge ? take(acknowledge, title) : show(event.action === "open" ? open : acknowledge || open));
});

async function take(address, title) {
  let said = "Not acknowledged: Tocsin could not be reached. Open it and try again.", done = false;
  try {
    const answer = await tell(address, { Accept: "application/json" });
    said = (await answer.json()).sentence;
    done = answer.ok;
  } catch { /* said so already */ }
  await self.registration.showNotification(said, {
    body: title, tag: `answer ${address}`, requireInteraction: !done, icon: "/static/tocsin/app-192.png", badge: "/static/tocsin/badge-96.png",
    data: { open: address },
  });
}

async function show(address) {
  const goal = new URL(address || "/", self.location.origin);
  if (goal.origin !== self.location.origin) return;
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const one = windows.find((each) => each.url === goal.href) || windows[0];
  if (one && one.url === goal.href) return void (await one.focus());
  await self.clients.openWindow(goal.href);
}

self.addEventListener("pushsubscriptionchange", (event) => {
  const before = event.oldSubscription;
  if (!before) return;
  event.waitUntil((async () => {
    const after = event.newSubscription || await self.registration.pushManager.subscribe(before.options);
    await fetch("/push/changed/", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ endpoint: before.endpoint, subscription: after }),
    });
  })());
});
