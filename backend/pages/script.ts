/** Comfort for browsers that run scripts; every page works without. */
export const SCRIPT = `
"use strict";
const find = (selector) => document.querySelector(selector);

const search = find("input[type=search]");
const rows = [...document.querySelectorAll(".offers > li")];
if (search && rows.length) {
  const count = find(".search output");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.dataset.words ??= row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown++;
    }
    count.textContent = shown === rows.length ? rows.length + " on offer" : shown + " of " + rows.length;
    find(".nothing").hidden = shown > 0;
  };
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // it is filtered already
  });
  find(".search button").hidden = true;
  document.addEventListener("keydown", (event) => {
    const isTyping = /^(INPUT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
    }
  });
}

const bar = find(".bar");
if (bar) {
  const update = () => {
    const chosen = document.querySelectorAll(".offers input:checked").length;
    bar.hidden = chosen === 0;
    find(".bar output").textContent = chosen + (chosen === 1 ? " API chosen" : " APIs chosen");
  };
  document.addEventListener("change", update);
  window.addEventListener("pageshow", update);
  update();
}

const clusters = find("#clusters");
const agoOf = (time) => {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  const steps = [[86400, "day"], [3600, "hour"], [60, "minute"]];
  const [size, unit] = steps.find(([size]) => seconds >= size) ?? [1, "second"];
  const count = Math.floor(seconds / size);
  return count + " " + unit + (count === 1 ? "" : "s") + " ago";
};
const tellTimes = () => {
  for (const time of document.querySelectorAll("time")) time.textContent = agoOf(time.dateTime);
};
if (clusters) {
  const events = new EventSource(clusters.dataset.events);
  events.onmessage = ({ data }) => {
    clusters.innerHTML = JSON.parse(data);
    tellTimes();
  };
  tellTimes();
  setInterval(tellTimes, 10_000);
}
`;
