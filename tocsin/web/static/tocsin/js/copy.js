// Small comforts: copy buttons, print, a button that shows it is busy, and asking to show pages as browser notifications.
"use strict";
(() => {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      const source = button.dataset.copy ? document.querySelector(button.dataset.copy) : button.previousElementSibling;
      const words = button.querySelector(".lab") || button;
      const before = words.textContent;
      try {
        await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
        words.textContent = "Copied";
      } catch {
        words.textContent = "Press Ctrl C";
        getSelection().selectAllChildren(source);
      }
      setTimeout(() => { words.textContent = before; }, 2000);
    }
    if (event.target.closest("[data-print]")) print();
    const ask = event.target.closest("[data-ask-notifications]");
    if (ask && "Notification" in window) {
      const answer = await Notification.requestPermission();
      ask.textContent = answer === "granted" ? "Browser notifications are on" : "The browser refused";
    }
    const dialog = event.target.closest("[data-open]");
    if (dialog) document.getElementById(dialog.dataset.open)?.showModal();
  });
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || event.target.method === "dialog" || event.defaultPrevented) return;
    setTimeout(() => button.setAttribute("aria-busy", "true"), 0);
    setTimeout(() => button.removeAttribute("aria-busy"), 8000);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
})();
