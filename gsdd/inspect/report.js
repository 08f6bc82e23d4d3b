"use strict";
const dialog = document.querySelector("dialog"), stage = dialog.querySelector(".stage");
const cards = [...document.querySelectorAll(".card")];
let current = 0;
function show(number) {
  current = (number + cards.length) % cards.length;
  stage.replaceChildren(...[...cards[current].children].map((child) => child.cloneNode(true)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
cards.forEach((card, number) => card.addEventListener("click", () => show(number)));
dialog.querySelector(".back").addEventListener("click", () => show(current - 1));
dialog.querySelector(".on").addEventListener("click", () => show(current + 1));
dialog.addEventListener("click", (event) => { if (event.target === dialog || stage.contains(event.target)) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") show(current - 1);
  if (event.key === "ArrowRight") show(current + 1);
});
function select(node) {
  const range = document.createRange();
  range.selectNodeContents(node);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const code = button.closest(".snippet").querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      select(code);
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
