// The numbers of a watch over time, by uPlot: zoom, values under the pointer, marks at changes, bands where runs failed.
// The drawings that the server made stay where this cannot run.
(() => {
  "use strict";
  const BAD = new Set(["FAILED", "INVALID"]);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 8 });

  // Bands behind the curve: from a failed run to the next one that was not.
  function bands(at, verdicts) {
    const found = [];
    for (let i = 0; i < at.length; i++) {
      if (!BAD.has(verdicts[i])) continue;
      const from = at[i];
      while (i + 1 < at.length && BAD.has(verdicts[i + 1])) i++;
      found.push([from, at[i + 1] ?? at[i]]);
    }
    return found;
  }

  function shade(failed) {
    return (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.fillStyle = style("--bad");
      ctx.globalAlpha = 0.14;
      for (const [from, to] of failed) {
        const left = Math.max(bbox.left, u.valToPos(from, "x", true));
        const right = Math.min(bbox.left + bbox.width, u.valToPos(to, "x", true));
        if (right >= left) ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
      }
      ctx.restore();
    };
  }

  function marks(at, values, verdicts) {
    return (u) => {
      const { ctx } = u;
      ctx.save();
      ctx.fillStyle = style("--news");
      ctx.strokeStyle = style("--surface");
      ctx.lineWidth = 2 * devicePixelRatio;
      let before = null;
      for (let i = 0; i < at.length; i++) {
        if (values[i] == null) continue;
        const moved = before != null && values[i] !== before;
        before = values[i];
        if (verdicts[i] !== "CHANGED" || !moved) continue;
        const x = u.valToPos(at[i], "x", true);
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        ctx.beginPath();
        ctx.arc(x, u.valToPos(values[i], "y", true), 4.5 * devicePixelRatio, 0, 2 * Math.PI);
        ctx.fill();
        ctx.stroke();
      }
      ctx.restore();
    };
  }

  function options(plot, found, path, zone) {
    const values = found.values[path];
    const clock = (seconds, shape) => new Date(seconds * 1000).toLocaleString("en-GB", { timeZone: zone, ...shape });
    const times = (_, ticks, __, ___, step) => {
      let day = "";
      return ticks.map((tick) => {
        const date = clock(tick, { day: "numeric", month: "short" });
        if (step >= 86400) return date;
        const time = clock(tick, step < 60 ? { timeStyle: "medium" } : { timeStyle: "short" });
        const first = date !== day;
        day = date;
        return first ? `${time}\n${date}` : time;
      });
    };
    const axis = { stroke: style("--quiet"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 } };
    return {
      width: plot.clientWidth,
      height: 200,
      tzDate: (seconds) => (zone === "UTC" ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : uPlot.tzDate(new Date(seconds * 1000), zone)),
      cursor: { y: false, sync: { key: "charts" }, drag: { x: true, y: false } },
      legend: { live: true },
      scales: { x: { time: true }, y: { range: (_, low, high) => (low === high ? [low - Math.max(1, Math.abs(low) * 0.05), high + Math.max(1, Math.abs(high) * 0.05)] : uPlot.rangeNum(low, high, 0.12, false)) } },
      axes: [{ ...axis, values: times }, { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => number.format(tick)) }],
      series: [
        { label: "when", value: (_, seconds) => (seconds == null ? "–" : clock(seconds, { dateStyle: "medium", timeStyle: "short" })) },
        {
          label: "value",
          stroke: style("--accent"),
          width: 1.8,
          points: { ...(found.at.length < 60 && { show: true }), size: 4, fill: style("--accent") },
          paths: uPlot.paths.stepped({ align: 1 }),
          value: (_, value, __, index) => (value == null ? "–" : `${number.format(value)}${index == null ? "" : `, ${found.verdicts[index].toLowerCase()}`}`),
        },
      ],
      hooks: { setCursor: [(u) => u.root.classList.toggle("at-rest", u.cursor.idx == null)], drawClear: [shade(bands(found.seconds, found.verdicts))], draw: [marks(found.seconds, values, found.verdicts)] },
    };
  }

  function draw(figure, found, zone, runs) {
    const plot = figure.querySelector(".plot");
    const path = figure.dataset.path;
    const values = found.values[path];
    if (!values) return;
    drawn.get(figure)?.();
    plot.replaceChildren();
    const chart = new uPlot(options(plot, found, path, zone), [found.seconds, values], plot);
    chart.root.classList.add("at-rest");
    const newest = values.findLast((value) => value != null);
    if (newest != null) figure.querySelector(".reading").textContent = number.format(newest);
    let moved = 0;
    chart.over.addEventListener("mousedown", (event) => { moved = event.clientX; });
    chart.over.addEventListener("click", (event) => {
      const index = chart.cursor.idx;
      if (index != null && Math.abs(event.clientX - moved) < 3 && event.detail === 1) chosen = setTimeout(() => location.assign(runs + found.runs[index]), 250);
    });
    chart.over.addEventListener("dblclick", () => clearTimeout(chosen));
    const sized = new ResizeObserver(() => chart.setSize({ width: plot.clientWidth, height: 200 }));
    sized.observe(plot);
    drawn.set(figure, () => { sized.disconnect(); chart.destroy(); });
    looked.set(figure, () => chart.scales.x.min > found.seconds[0] || chart.scales.x.max < found.seconds.at(-1));
  }
  let chosen = 0;
  const drawn = new Map();  // what puts a chart away
  const looked = new Map();  // whether somebody has zoomed in

  async function start() {
    const charts = document.querySelector("[data-series]");
    if (!charts || !window.uPlot) return;
    const zone = charts.dataset.zone;
    const load = async () => {
      const answer = await fetch(charts.dataset.series, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const found = await answer.json();
      found.seconds = found.at.map((at) => Date.parse(at) / 1000);
      for (const figure of charts.querySelectorAll("figure")) draw(figure, found, zone, charts.dataset.runs);
      for (const each of document.querySelectorAll(".scripted")) each.hidden = false;
    };
    await load();
    addEventListener("monitor:theme", load);
    // What somebody points at or has zoomed into stays as it is until the next time.
    const free = () => !charts.matches(":hover") && ![...looked.values()].some((zoomed) => zoomed());
    document.body.addEventListener("monitor:fresh", () => { if (free()) load(); });
  }
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
