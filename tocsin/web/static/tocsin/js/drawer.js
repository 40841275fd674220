// The drawer: a link marked data-drawer opens beside the list where there is room; everywhere else, and with a modifier key, it is a plain link.
"use strict";
(() => {
  const room = matchMedia("(min-width: 64rem)");
  let opener = null;
  let drawer = null;
  const close = () => {
    if (!drawer) return;
    drawer.remove();
    drawer = null;
    document.querySelector("a[data-drawer][aria-expanded=true]")?.setAttribute("aria-expanded", "false");
    const back = opener && (opener.isConnected ? opener : document.querySelector(`a[data-drawer][href="${CSS.escape(opener.getAttribute("href"))}"]`));
    back?.focus();
  };
  const open = async (link) => {
    const answer = await fetch(`${link.href}?fragment=drawer`, { credentials: "same-origin", cache: "no-store" }).catch(() => null);
    if (!answer?.ok || answer.redirected) {
      location.assign(link.href);
      return;
    }
    const text = await answer.text();
    if (drawer) drawer.remove();
    document.querySelector("a[data-drawer][aria-expanded=true]")?.setAttribute("aria-expanded", "false");
    opener = link;
    link.setAttribute("aria-expanded", "true");
    drawer = document.createElement("aside");
    drawer.className = "drawer stack";
    drawer.setAttribute("aria-label", "Alert");
    drawer.append(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    for (const part of drawer.querySelectorAll("[data-live]")) part.removeAttribute("data-live");
    for (const field of drawer.querySelectorAll("input[name=next]")) field.value = location.pathname + location.search;
    document.body.append(drawer);
    window.htmx?.process(drawer);
    drawer.querySelector("h2")?.focus();
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]") && drawer) {
      close();
      return;
    }
    const link = event.target.closest("a[data-drawer]");
    if (!link || !room.matches || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(link);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drawer && !document.querySelector("dialog[open]")) close();
  });
})();
