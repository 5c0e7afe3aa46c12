"use strict";
const buttons = document.querySelectorAll("nav button");
for (const button of buttons) {
  button.addEventListener("click", () => {
    document.body.dataset.filter = button.dataset.filter;
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
  });
}

const dialog = document.getElementById("zoom");
let full = null;
function zoom(frame) {
  full ??= JSON.parse(document.getElementById("full").textContent);
  const image = document.createElement("img");
  image.src = full[frame.dataset.full];
  image.alt = frame.querySelector("img").alt;
  const inner = dialog.firstElementChild;
  const outlines = frame.querySelector("svg");
  inner.replaceChildren(image, ...(outlines ? [outlines.cloneNode(true)] : []));
  dialog.showModal();
}
for (const frame of document.querySelectorAll("[data-full]")) {
  frame.addEventListener("click", () => zoom(frame));
  frame.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      zoom(frame);
    }
  });
}
dialog.addEventListener("click", () => dialog.close());
