// Sorts a table by the column whose heading is pressed, finds rows by words, opens what an address names, and says when
// nothing new has arrived for two days. Without it the tables are all there.
for (const button of document.querySelectorAll("table.sortable thead button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const index = [...heading.parentElement.children].indexOf(heading);
    const isUp = heading.getAttribute("aria-sort") !== "ascending";
    const body = heading.closest("table").tBodies[0];
    const keyOf = (row) => row.children[index].dataset.sort;
    const compare = (a, b) => {
      const [first, second] = [keyOf(a), keyOf(b)];
      if (first === undefined || second === undefined) return (first === undefined) - (second === undefined);
      const numbers = [Number(first), Number(second)];
      const order = numbers.some(Number.isNaN) ? first.localeCompare(second) : numbers[0] - numbers[1];
      return isUp ? order : -order;
    };
    body.append(...[...body.rows].sort(compare));
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
  });
}
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
for (const field of document.querySelectorAll(".search input")) {
  const rows = [...document.getElementById(field.dataset.table).tBodies[0].rows];
  const texts = new Map(rows.map((row) => [row, plain(row.children[0].textContent)]));
  const show = () => {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => texts.get(row).includes(word));
      count += row.hidden ? 0 : 1;
    }
    field.parentElement.querySelector("output").textContent = words.length ? `${count} of ${rows.length}` : "";
  };
  field.parentElement.hidden = false;
  field.addEventListener("input", show);
  show();
}
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();
const age = document.getElementById("age");
if (age) {
  const days = Math.floor((Date.now() - Date.parse(age.dataset.newest)) / 86400000);
  if (days >= 2) {
    age.textContent = `The newest reading on this page is ${days} days old: the page may be out of date.`;
    age.hidden = false;
  }
}
