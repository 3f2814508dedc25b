// What makes the pages live: runs in flight and what ended, over server-sent events; the theme; times that go on.
// Text from outside is only ever set as text. The pages work without this file.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const ready = (work) => (document.readyState === "loading" ? addEventListener("DOMContentLoaded", work) : work());

  // The theme: the system's unless somebody chose.
  function theme() {
    const button = byId("theme");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const root = document.documentElement;
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
      dispatchEvent(new Event("monitor:theme"));
    });
  }

  // Times. The daemon's clock may be driven (the demo), so its own now is what they count from.
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let ahead = 0;
  let pace = 1;
  const began = Date.now();
  const now = () => began + ahead + (Date.now() - began) * pace;

  function span(seconds) {
    const parts = [];
    let left = Math.max(0, Math.round(seconds));
    for (const [unit, size] of UNITS) {
      const count = Math.floor(left / size);
      left -= count * size;
      if (count) parts.push(`${count} ${unit}`);
      else if (parts.length) break;
    }
    return parts.slice(0, 2).join(" ") || "0 s";
  }

  function ago(seconds, past) {
    if (Math.abs(seconds) < 1) return "now";
    if (seconds < 0 && past) return "just now";  // the clocks differ by a moment
    const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) || UNITS[3];
    const count = Math.floor(Math.abs(seconds) / size);
    return seconds > 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`;
  }

  function tick() {
    for (const each of document.querySelectorAll("time[data-relative]")) {
      const text = ago((now() - Date.parse(each.dateTime)) / 1000, each.dataset.relative === "past");
      if (each.textContent !== text) each.textContent = text;
    }
    for (const each of document.querySelectorAll("[data-since]")) {
      const since = Date.parse(each.dataset.since);
      if (!Number.isNaN(since)) each.textContent = span((now() - since) / 1000);
    }
  }

  // Runs in flight.
  const MOST_ROWS = 50;
  const flights = new Map();

  function draw(flight) {
    const list = byId("flight-list");
    if (!list || (list.dataset.only && list.dataset.only !== flight.watch)) return;
    let row = [...list.children].find((each) => each.dataset.run === flight.run);
    if (!row) {
      if (list.children.length >= MOST_ROWS) return;
      row = byId("flight-row").content.firstElementChild.cloneNode(true);
      list.append(row);
    }
    row.dataset.run = flight.run;
    row.dataset.watch = flight.watch;
    const name = row.querySelector(".name");
    name.textContent = flight.watch;
    name.href = `/watches/${encodeURIComponent(flight.watch)}`;
    row.querySelector(".elapsed").dataset.since = flight.opened_at;
    const step = row.querySelector(".step");
    step.textContent = flight.step || (flight.stage === "intent" ? "starting" : flight.stage);
    step.href = `/runs/${encodeURIComponent(flight.run)}`;
    const view = row.querySelector(".view");
    const open = typeof flight.streaming_url === "string" && flight.streaming_url.startsWith("https://");
    view.hidden = !open;
    if (open) view.href = flight.streaming_url;
    const steps = byId("steps");
    if (steps && steps.dataset.run === flight.run && flight.step && steps.lastElementChild?.dataset.text !== flight.step) {
      const item = document.createElement("li");
      item.dataset.text = flight.step;
      item.textContent = flight.step;
      steps.append(item);
    }
  }

  function count() {
    const shown = byId("flight-count");
    if (shown) shown.textContent = String(flights.size);
    const empty = document.querySelector(".empty-flights");
    if (empty) empty.hidden = flights.size > 0;
  }

  function land(run) {
    flights.delete(run);
    document.querySelector(`#flight-list > [data-run="${CSS.escape(run)}"]`)?.remove();
    count();
  }

  function all(found) {
    const runs = new Set(found.map((each) => each.run));
    for (const run of [...flights.keys()]) if (!runs.has(run)) land(run);
    for (const row of document.querySelectorAll("#flight-list > [data-run]")) if (!runs.has(row.dataset.run)) row.remove();
    for (const each of found) { flights.set(each.run, each); draw(each); }
    count();
    tick();
  }

  // What ended: the parts of the page that show it are fetched again, once in a while and not at every word.
  let wanted = 0;
  function refresh(soon) {
    if (wanted) return;
    wanted = setTimeout(() => {
      wanted = 0;
      if (document.hidden) { stale = true; return; }
      document.body.dispatchEvent(new CustomEvent("monitor:fresh"));
    }, soon ? 150 : 1500);
  }
  let stale = false;

  // What somebody is at, a menu or with the keyboard, is not taken from under the hands: it is fetched once they leave.
  const FRESH = '[hx-trigger^="monitor:fresh"]';
  const busy = (part) => part.querySelector("details.menu[open], :focus-visible") !== null;
  let owed = false;
  function spare() {
    const ours = (event) => event.detail.requestConfig?.triggeringEvent?.type === "monitor:fresh" && busy(event.detail.target);
    document.body.addEventListener("htmx:beforeRequest", (event) => { if (ours(event)) { event.preventDefault(); owed = true; } });
    document.body.addEventListener("htmx:beforeSwap", (event) => { if (ours(event)) { event.detail.shouldSwap = false; owed = true; } });
    const left = () => setTimeout(() => {
      if (!owed || [...document.querySelectorAll(FRESH)].some(busy)) return;
      owed = false;
      refresh(true);
    });
    document.addEventListener("focusout", left);
    document.addEventListener("toggle", left, true);
  }

  function say(text) {
    const said = byId("said");
    if (said) said.textContent = text;
  }

  function live() {
    if (!("live" in document.body.dataset) || !window.EventSource) return;
    const sign = byId("live");
    const word = byId("live-word");
    const source = new EventSource("/live");
    const on = (name, work) => source.addEventListener(name, (event) => work(JSON.parse(event.data)));
    const shown = (good) => { sign.hidden = false; sign.classList.toggle("off", !good); word.textContent = good ? "live" : "not connected"; };
    source.addEventListener("open", () => shown(true));
    source.addEventListener("error", () => shown(false));
    on("flight", (data) => all(data.runs));
    on("run", (flight) => { flights.set(flight.run, flight); draw(flight); count(); tick(); });
    on("record", (record) => {
      land(record.run);
      say(`${record.watch}: ${record.verdict.toLowerCase()}, ${record.reason}`);
      const list = byId("flight-list");
      if (list && list.dataset.then === `/runs/${record.run}`) { location.assign(list.dataset.then); return; }
      refresh(false);
    });
    on("changed", () => refresh(true));
    on("refresh", () => refresh(false));
    addEventListener("pagehide", () => source.close());
  }

  // What an order said stands a while, then goes.
  let gone = 0;
  function toast() {
    clearTimeout(gone);
    gone = setTimeout(() => byId("told")?.replaceChildren(), 8000);
  }

  function menus() {
    const close = (but) => { for (const each of document.querySelectorAll("details.menu[open]")) if (each !== but) each.open = false; };
    document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      const open = document.querySelector("details.menu[open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
    });
  }

  ready(() => {
    const there = Date.parse(document.documentElement.dataset.now || "");
    if (!Number.isNaN(there)) ahead = there - began;
    pace = Number(document.documentElement.dataset.pace) || 1;
    theme();
    menus();
    spare();
    live();
    tick();
    setInterval(tick, 1000);
    if (byId("told")?.children.length) toast();
    document.addEventListener("visibilitychange", () => { if (!document.hidden && stale) { stale = false; refresh(true); } });
    document.body.addEventListener("htmx:afterSwap", (event) => {
      tick();
      if (event.detail.target.id === "told") { toast(); for (const each of document.querySelectorAll("details.menu[open]")) each.open = false; }
    });
    document.body.addEventListener("ordered", () => refresh(true));
  });
})();
