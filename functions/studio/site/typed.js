// What was typed stays when a page is drawn anew in another language.

const fields = () => [...document.querySelectorAll("main input, main select, main textarea")];

/** Redraw the page, and put back what was entered where it has the same fields. */
export async function keepingTyped(redraw) {
  const before = fields();
  await redraw();
  const after = fields();
  if (after.length !== before.length || after.some((field, index) => field.type !== before[index].type)) return;
  after.forEach((field, index) => {
    const { type, checked, files, value } = before[index];
    if (type === "checkbox" || type === "radio") {
      if (field.checked === checked) return;
      field.checked = checked;
      if (type === "radio" && !checked) return;
    } else if (type === "file") field.files = files;
    else field.value = value;
    if (type !== "file") ["input", "change"].forEach((name) => field.dispatchEvent(new Event(name)));
  });
}
