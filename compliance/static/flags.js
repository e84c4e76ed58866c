// Keys of the flag page: 1 2 3 judge, J K move, U undo, N note. Without this file every one of them is a button or link.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  const typing = event.target.closest("input, textarea, select, dialog, [contenteditable]");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  const key = event.key.toLowerCase();
  if (key === "n") {
    event.preventDefault();
    document.getElementById("field-note")?.focus();
    return;
  }
  const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (target) {
    event.preventDefault();
    target.click();
  }
});
