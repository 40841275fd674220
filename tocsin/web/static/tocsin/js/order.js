// Rows of a [data-order] list are drawn to another place with the mouse; dropping posts "to:ID:PLACE". Its buttons do the same without this.
(() => {
  "use strict";
  const list = document.querySelector("[data-order]");
  if (!list) return;
  const rows = () => [...list.querySelectorAll("li[draggable]")];
  let held = null, before = -1;
  list.addEventListener("dragstart", (event) => {
    held = event.target.closest("li[draggable]");
    if (!held) return;
    before = rows().indexOf(held);
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", held.id);
    held.classList.add("held");
  });
  list.addEventListener("dragover", (event) => {
    const over = event.target.closest("li[draggable]");
    if (!held || !over) return;
    event.preventDefault();
    if (over === held) return;
    const box = over.getBoundingClientRect();
    over[event.clientY > box.top + box.height / 2 ? "after" : "before"](held);
  });
  list.addEventListener("drop", (event) => event.preventDefault());
  list.addEventListener("dragend", () => {
    if (!held) return;
    const place = rows().indexOf(held);
    held.classList.remove("held");
    if (place !== before) {
      const step = Object.assign(document.createElement("input"), { type: "hidden", name: "action", value: `to:${held.dataset.id}:${place}` });
      list.closest("form").append(step);
      list.closest("form").submit();
    }
    held = null;
  });
})();
