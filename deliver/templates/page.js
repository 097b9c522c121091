// Sorts a table by the column whose heading is pressed, and opens the findings that are seen before the page is printed, and what a link leads to.
for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const index = [...heading.parentElement.children].indexOf(heading);
    const isUp = heading.getAttribute("aria-sort") !== "ascending";
    const body = heading.closest("table").tBodies[0];
    const keyOf = (row) => row.children[index].dataset.sort ?? row.children[index].textContent.trim();
    const compare = (a, b) => {
      const [first, second] = [keyOf(a), keyOf(b)];
      const numbers = [Number(first), Number(second)];
      return numbers.some(Number.isNaN) ? first.localeCompare(second) : numbers[0] - numbers[1];
    };
    const rows = [...body.rows].sort((a, b) => (isUp ? compare(a, b) : compare(b, a)));
    body.append(...rows);
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
  });
}
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("section:not(.folded) details.finding:not([open])")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of folded) part.open = false;
});
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target && (target.querySelector("details.fold") ?? target); part; part = part.parentElement) {
    if (part.tagName === "DETAILS") part.open = true;
  }
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", openTarget);
openTarget();
