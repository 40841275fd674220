// Keyboard: single keys (which each person can switch off) only move and open; none of them pages, publishes or confirms.
"use strict";
(() => {
  const go = { b: "/", i: "/incidents/", o: "/schedules/", s: "/status-page/" };
  let chord = 0;
  const typing = (target) => target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const chosen = () => document.activeElement?.closest("[data-row]");
  const move = (by) => {
    const all = rows();
    const next = all[Math.min(Math.max(all.indexOf(chosen()) + by, 0), all.length - 1)];
    next?.querySelector("a, button")?.focus();
  };
  const open = (selector) => {
    const link = document.querySelector(selector);
    if (link) location.assign(link.href);
  };
  const single = {
    "/": () => open("#search-link"),
    d: () => open("#declare-link"),
    u: () => open("#update-link"),
    j: () => move(1),
    k: () => move(-1),
    a: () => chosen()?.querySelector("[data-key=a]")?.focus(),
    l: () => chosen()?.querySelector("[data-key=l]")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
    g: () => { chord = Date.now(); },
  };
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.form) {
      if (event.target.form.dataset.send !== undefined) event.target.form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !document.body.dataset.keys || typing(event.target)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : "";
    if (chord && Date.now() - chord < 1500 && go[key]) location.assign(go[key]);
    else if (single[key]) {
      if (key !== "g") chord = 0;
      single[key]();
    } else return;
    event.preventDefault();
  });
  // After a form was refused, whoever has no mouse goes on where it is wrong.
  document.querySelector('main [aria-invalid="true"]')?.focus();
})();
