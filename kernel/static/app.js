// Makes pages nicer; every page works without it. No inline code anywhere: the CSP allows only files of ours.
"use strict";

const root = document.documentElement;
root.classList.add("js");
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/* Charts: the library is large, so it is fetched only by pages that have one. */
const token = (name) => {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};

const mix = (one, other, share) => {
  const probe = document.createElement("span");
  probe.style.color = `color-mix(in srgb, var(--${one}) ${share}%, var(--${other}))`;
  document.body.append(probe);
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map((part) => Math.round(255 * part));
  probe.remove();
  return `rgb(${parts.join(",")})`; // the canvas library reads rgb() only, color-mix() computes to color(srgb …)
};

const chartOption = ({ kind, labels, series, unit }, narrow) => {
  const ink = token("ink"), soft = token("ink-soft"), line = token("line"), surface = token("raised");
  const text = { color: ink, fontFamily: getComputedStyle(document.body).fontFamily };
  const palette = ["primary", "seal", "info", "warn", "good"].map(token);
  const common = {
    color: palette, textStyle: text, animationDuration: 350,
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: kind === "line" ? "line" : "shadow" }, backgroundColor: surface, borderColor: line, textStyle: text, valueFormatter: (value) => `${value}${unit}` },
  };
  if (kind === "funnel") {
    const values = series[0].values, most = Math.max(...values, 1);
    const share = (index) => (index && values[index - 1] ? `  ${narrow ? "" : "上一步的 "}${Math.round((100 * values[index]) / values[index - 1])}%` : "");
    return {
      ...common,
      grid: { left: 8, right: narrow ? 96 : 158, top: 4, bottom: 4, containLabel: true },
      xAxis: { type: "value", show: false, max: most },
      yAxis: { type: "category", inverse: true, data: labels, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: ink, fontSize: 14, margin: 14 } },
      series: [{
        name: series[0].name, type: "bar", barWidth: "62%",
        data: values.map((value, index) => ({
          value, itemStyle: { borderRadius: 6, color: mix("primary", "surface", 100 - index * 9) },
          label: { formatter: `{n|${value}${unit}}{s|${share(index)}}` },
        })),
        label: { show: true, position: "right", rich: { n: { ...text, fontSize: 14, fontWeight: 600 }, s: { ...text, color: soft, fontSize: 12 } } },
      }],
    };
  }
  return {
    ...common,
    legend: series.length > 1 ? { top: 0, left: 0, itemWidth: 14, itemHeight: 8, textStyle: text } : undefined,
    grid: { left: 4, right: 16, top: series.length > 1 ? 40 : 16, bottom: 4, containLabel: true },
    xAxis: { type: "category", data: labels, axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, axisLabel: { color: soft } },
    yAxis: { type: "value", splitLine: { lineStyle: { color: line } }, axisLabel: { color: soft } },
    series: series.map((one) => ({ name: one.name, type: kind, data: one.values, barMaxWidth: 44, smooth: 0.25, symbolSize: 7, lineStyle: { width: 2.5 }, itemStyle: kind === "bar" ? { borderRadius: [6, 6, 0, 0] } : {} })),
  };
};

const drawCharts = (within = document) => {
  for (const figure of all("[data-chart]", within)) {
    const canvas = figure.querySelector(".chart-canvas");
    canvas.hidden = false;
    const chart = window.echarts.getInstanceByDom(canvas) ?? window.echarts.init(canvas);
    chart.setOption(chartOption(JSON.parse(figure.dataset.chart), canvas.clientWidth < 480), true);
    if (!figure.dataset.drawn) {
      figure.querySelector("details").open = false;
      new ResizeObserver(() => chart.resize()).observe(canvas);
    }
    figure.dataset.drawn = "yes";
  }
};

const loadCharts = () => {
  if (!document.querySelector("[data-chart]")) return;
  const script = document.createElement("script");
  script.src = root.dataset.echarts;
  script.onload = () => {
    drawCharts();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts());
  };
  document.head.append(script);
};

/* Confirmations: the folded form becomes a modal dialog. */
document.addEventListener("click", (event) => {
  const summary = event.target.closest("[data-confirm] > summary");
  if (!summary) return;
  event.preventDefault();
  const home = summary.parentElement, box = home.querySelector(".confirm-box");
  const dialog = document.createElement("dialog");
  const question = box.querySelector(".confirm-question");
  question.id ||= "confirm-question";
  dialog.setAttribute("aria-labelledby", question.id);
  dialog.append(box);
  document.body.append(dialog);
  box.querySelector("[data-close]").hidden = false;
  dialog.addEventListener("click", (press) => { if (press.target === dialog || press.target.closest("[data-close]")) dialog.close(); });
  dialog.addEventListener("close", () => { home.append(box); question.removeAttribute("id"); dialog.remove(); summary.focus(); });
  dialog.showModal();
  box.querySelector("[data-close]").focus();
});

/* Forms: sent once, long texts counted. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => all("[data-sent]").forEach((form) => { delete form.dataset.sent; all("[aria-busy]", form).forEach((button) => button.removeAttribute("aria-busy")); }));

const countText = (area) => {
  const count = document.createElement("span");
  count.className = "count";
  const show = () => { count.textContent = `${[...area.value].length} / ${area.maxLength}`; };
  area.addEventListener("input", show);
  area.after(count);
  show();
};

/* Light and dark without a new page; the cookie is set by the same form. */
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]")) return;
  event.preventDefault();
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const button = form.querySelector("button");
  root.dataset.theme = dark ? "light" : "dark";
  const body = new URLSearchParams(new FormData(form));
  body.set("theme", root.dataset.theme);
  button.value = dark ? "dark" : "light";
  if (window.echarts) drawCharts();
  await fetch(form.action, { method: "POST", body, redirect: "manual" });
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "已复制";
});
document.addEventListener("focusin", (event) => { if (event.target.matches("[data-select]")) event.target.select(); });

/* Keyboard: / search, j k rows, ? help. Never while somebody types. */
const HINTS = [["/", "到搜索框"], ["J", "下一行"], ["K", "上一行"], ["Enter", "打开这一行"], ["?", "显示快捷键"], ["Esc", "关闭"]];
const showHints = () => {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "快捷键");
  const title = document.createElement("h2");
  title.textContent = "快捷键";
  const list = document.createElement("ul");
  list.className = "keys";
  for (const [key, text] of HINTS) {
    const item = document.createElement("li"), cap = document.createElement("kbd");
    cap.textContent = key;
    item.append(cap, text);
    list.append(item);
  }
  const close = document.createElement("button");
  close.className = "button button-plain";
  close.textContent = "知道了";
  close.addEventListener("click", () => dialog.close());
  dialog.append(title, list, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
};
const moveRow = (step) => {
  const links = all("[data-rows] tbody tr").map((row) => row.querySelector("a, button, summary")).filter(Boolean);
  if (!links.length) return;
  const row = document.activeElement?.closest("[data-rows] tbody tr");
  const at = links.findIndex((link) => row?.contains(link));
  links[Math.min(Math.max(at + step, 0), links.length - 1)].focus();
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
  const search = document.querySelector("[data-search]");
  if (event.key === "/" && search) { event.preventDefault(); search.focus(); search.select(); }
  if (event.key === "j") moveRow(1);
  if (event.key === "k") moveRow(-1);
  if (event.key === "?") showHints();
});

// A list that could not be renewed in place is opened as a page, so that the reason is seen.
document.addEventListener("htmx:responseError", (event) => { location.assign(event.detail.pathInfo.finalRequestPath); });

const setUp = () => {
  loadCharts();
  all("[data-count]").forEach(countText);
  all("[data-copy]").forEach((button) => { button.hidden = false; });
  const menu = document.querySelector(".menu"), current = menu?.querySelector("[aria-current]");
  if (current && menu.scrollWidth > menu.clientWidth) menu.scrollLeft = current.offsetLeft - 60;
  const focused = document.querySelector("[data-focus-line]");
  if (focused && !focused.closest("[data-still]")) focused.scrollIntoView({ block: "center" });
  document.querySelector("[data-focus]:not([data-still] *)")?.focus();
  for (const toast of all(".toasts [data-toast]")) {
    setTimeout(() => { toast.classList.add("leaving"); setTimeout(() => toast.closest(".toasts")?.remove(), 350); }, 6000);
  }
};
setUp();
