// The button by which this browser becomes a way to reach its owner.
"use strict";
(() => {
  const box = document.querySelector("[data-push]");
  if (!box) return;
  const button = box.querySelector("button"), said = box.querySelector("[role=status]");
  const say = (words) => { said.textContent = words; };
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    button.disabled = true;
    say(/iPhone|iPad/.test(navigator.userAgent)
      ? "Put Tocsin on the home screen first (Share, Add to Home Screen) and open it from there."
      : "This browser does not know Web Push, or this address is not https.");
    return;
  }
  navigator.serviceWorker.register("/sw.js", { scope: "/" }).catch(() => say("The service worker could not be installed."));
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      say(await subscribe());
    } catch (error) {
      say(`The browser refused: ${error.message}`);
    }
    button.removeAttribute("aria-busy");
  });
  async function subscribe() {
    if (await Notification.requestPermission() !== "granted") return "The browser refused: notifications are blocked for this address in its settings.";
    const registration = await navigator.serviceWorker.ready;
    const wanted = { userVisibleOnly: true, applicationServerKey: box.dataset.push };
    const known = await registration.pushManager.getSubscription();
    if (known && !sameKey(known)) await known.unsubscribe(); // it belongs to keys that this installation no longer has
    const subscription = await registration.pushManager.subscribe(wanted);
    const form = new FormData(box);
    form.set("subscription", JSON.stringify(subscription));
    form.set("label", name());
    const answer = await fetch(box.action, { method: "POST", body: form });
    if (answer.ok) {
      location.reload();
      return "This browser is a way to reach you now.";
    }
    return answer.status === 409 ? "This browser is among your ways already." : (await answer.json()).sentence;
  }
  function sameKey(subscription) {
    const key = subscription.options.applicationServerKey;
    if (!key) return true;
    const text = btoa(String.fromCharCode(...new Uint8Array(key))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return text === box.dataset.push;
  }
  function name() {
    const agent = navigator.userAgent;
    const browser = /Firefox/.test(agent) ? "Firefox" : /Edg\//.test(agent) ? "Edge" : /Chrome/.test(agent) ? "Chrome" : "Safari";
    const system = /Android/.test(agent) ? "Android" : /iPhone|iPad/.test(agent) ? "iPhone" : /Mac/.test(agent) ? "Mac" : /Windows/.test(agent) ? "Windows" : "Linux";
    return `${browser} on ${system}`;
  }
})();
