"use strict";
// Sorting, filtering and values under the pointer. Without this script the page says the same.
(() => {
  const cellOf = (row, column) => row.cells[column];
  const text = (cell) => (cell ? cell.textContent.trim() : "");
  const number = (cell) => (cell && cell.dataset.value !== undefined ? Number(cell.dataset.value) : NaN);

  // What has no number stands last, whichever way the column is sorted.
  const compare = (a, b, column, sign, isNumber) => {
    if (!isNumber) {
      const [one, other] = [cellOf(a, column), cellOf(b, column)];
      const [x, y] = [number(one), number(other)];
      if (!Number.isNaN(x) && !Number.isNaN(y)) return sign * (x - y);
      return sign * text(one).localeCompare(text(other), "en", { numeric: true });
    }
    const [x, y] = [number(cellOf(a, column)), number(cellOf(b, column))];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return sign * (x - y);
  };

  // What is folded below a row goes where it goes.
  const mains = (body) => [...body.rows].filter((row) => !row.classList.contains("more"));
  const below = (row) => {
    const next = row.nextElementSibling;
    return next && next.classList.contains("more") ? [next] : [];
  };

  const sort = (table, header) => {
    const column = header.cellIndex;
    const isNumber = header.classList.contains("number");
    const before = header.getAttribute("aria-sort");
    // Figures begin with the largest, words with the first.
    const first = isNumber ? "descending" : "ascending";
    const second = isNumber ? "ascending" : "descending";
    const direction = before === first ? second : first;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const rows = mains(body).map((row) => [row, ...below(row)]);
    rows.sort(([a], [b]) => compare(a, b, column, sign, isNumber));
    body.append(...rows.flat());
  };

  for (const table of document.querySelectorAll("table[data-sort]")) {
    if (mains(table.tBodies[0]).length < 2) continue;
    for (const header of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      button.addEventListener("click", () => sort(table, header));
      header.append(button);
    }
  }

  const box = document.getElementById("filter-box");
  const input = document.getElementById("filter");
  const count = document.getElementById("filter-count");
  let rows = null;
  const collect = () =>
    [...document.querySelectorAll("table[data-filter] tbody")].flatMap(mains).map((row) => {
      const group = row.closest("[data-case]");
      const together = [row, ...below(row)];
      const cells = together.flatMap((it) => [...it.cells]);
      const words = `${group ? group.dataset.case : ""} ${cells.map(text).join(" ")}`;
      return { together, group, words: words.toLowerCase() };
    });
  const filter = () => {
    rows = rows || collect();
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const groups = new Map();
    let shown = 0;
    for (const { together, group, words } of rows) {
      const isShown = wanted.every((word) => words.includes(word));
      for (const row of together) row.hidden = !isShown;
      shown += isShown;
      if (group) groups.set(group, groups.get(group) || isShown);
    }
    for (const [group, isShown] of groups) group.hidden = !isShown;
    count.textContent = wanted.length ? `${shown} of ${rows.length} rows` : "";
  };
  if (document.querySelector("table[data-filter]")) {
    box.hidden = false;
    let waiting = 0;
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 80);
    });
    if (input.value) filter();
  }

  // The value nearest to the pointer, from the points that pictures carry.
  const hint = document.getElementById("hint");
  const NEAR = 28;
  const hide = () => { hint.hidden = true; };
  const show = (points, event) => {
    let best = null;
    let least = NEAR * NEAR;
    for (const { point, text } of points) {
      const place = point.getBoundingClientRect();
      const x = place.x + place.width / 2;
      const y = place.y + place.height / 2;
      const distance = (event.clientX - x) ** 2 + (event.clientY - y) ** 2;
      if (distance < least) {
        least = distance;
        best = { text, x, y };
      }
    }
    if (!best) return hide();
    hint.textContent = best.text;
    hint.hidden = false;
    const left = Math.min(best.x - hint.offsetWidth / 2, innerWidth - hint.offsetWidth - 4);
    const above = best.y - hint.offsetHeight - 12;
    // Through the object model, which the policy lets in, unlike attributes.
    hint.style.left = `${Math.max(4, left)}px`;
    hint.style.top = `${above > 4 ? above : best.y + 16}px`;
  };
  for (const picture of document.querySelectorAll("svg.plot")) {
    // Ours is at once there, also under a finger: the browser's own would come second.
    const points = [...picture.querySelectorAll(".hint")].map((point) => {
      const title = point.querySelector("title");
      const text = title.textContent;
      title.remove();
      return { point, text };
    });
    if (points.length === 0) continue;
    picture.addEventListener("pointermove", (event) => show(points, event));
    picture.addEventListener("pointerdown", (event) => show(points, event));
    picture.addEventListener("pointerleave", hide);
  }
  addEventListener("scroll", hide, { passive: true });
})();
