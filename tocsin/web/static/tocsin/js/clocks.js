// Running clocks: count from data-due against the server's time, so that a wrong clock on this machine does not matter.
"use strict";
(() => {
  let ahead = Date.parse(document.body.dataset.now || "") - Date.now() || 0;
  const two = (n) => String(n).padStart(2, "0");
  const words = (milliseconds) => {
    const seconds = Math.floor(Math.abs(milliseconds) / 1000);
    const sign = milliseconds < 0 ? "+" : "";
    if (seconds < 3600) return `${sign}${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
    if (seconds < 48 * 3600) return `${sign}${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
    return "";
  };
  const tick = () => {
    const now = Date.now() + ahead;
    for (const element of document.querySelectorAll("[data-due]")) {
      const shown = element.matches("time") ? element : element.querySelector(".clock-value time");
      const text = words(Date.parse(element.dataset.due) - now);
      if (shown && text && shown.textContent !== text) shown.textContent = text;
    }
  };
  document.addEventListener("tocsin:time", (event) => {
    ahead = Date.parse(event.detail) - Date.now();
    tick();
  });
  setInterval(tick, 1000);
  tick();
})();
