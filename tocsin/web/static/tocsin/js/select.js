// Selecting alerts: how many are chosen, x and shift+x at the row with the focus, and a, s, r for the chosen; each opens what will happen, nothing is done by a key.
"use strict";
(() => {
  const boxes = () => [...document.querySelectorAll('.pick input[type="checkbox"]')];
  let last = null;
  const count = () => {
    const bar = document.querySelector(".bulkbar");
    if (!bar) return;
    const chosen = boxes().filter((box) => box.checked).length;
    const all = bar.querySelector("[data-all]").checked;
    bar.querySelector("[data-selected]").textContent = all ? "All selected" : `${chosen} selected`;
    bar.toggleAttribute("data-edited", all || chosen > 0); // a live page leaves the list alone meanwhile
  };
  const range = (from, to, on) => {
    const every = boxes();
    const [a, b] = [every.indexOf(from), every.indexOf(to)].sort((x, y) => x - y);
    if (a >= 0) every.slice(a, b + 1).forEach((box) => { box.checked = on; });
  };
  document.addEventListener("click", (event) => {
    const box = event.target.closest?.('.pick input[type="checkbox"]');
    if (!box) return;
    if (event.shiftKey && last) range(last, box, box.checked);
    last = box;
  });
  document.addEventListener("change", count);
  document.addEventListener("keydown", (event) => {
    if (!document.body.dataset.keys || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    if (key === "x") {
      const box = document.activeElement?.closest("[data-row]")?.querySelector(".pick input");
      if (!box) return;
      box.checked = event.shiftKey || !box.checked;
      if (event.shiftKey && last) range(last, box, true);
      last = box;
      count();
    } else {
      const bar = document.querySelector(".bulkbar[data-edited]");
      const button = bar?.querySelector(`[data-bulk="${CSS.escape(key)}"]`);
      if (!button) return;
      button.form.requestSubmit(button);
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  count();
})();
