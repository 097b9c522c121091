// Charts that answer: values under the pointer or by the arrow keys, a day at a time, lines on and off. The drawing that
// is in the page without a script stays for print. All texts are set as text; nothing is read as markup.
(() => {
  const make = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text) node.textContent = text;
    return node;
  };
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const isDark = matchMedia("(prefers-color-scheme: dark)");
  const hue = (place) => `hsl(${Math.round((place * 137.5 + 265) % 360)} 65% ${isDark.matches ? 68 : 38}%)`;
  const write = (value) => {
    const size = Math.abs(value);
    const digits = value === 0 || size >= 99.95 ? 0 : size < 1 ? 2 : 1;
    return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "\u2212");
  };
  const shades = { closed: ["line", 0.55], holiday: ["soft", 0.9], leftOut: ["bad", 0.2], estimated: ["bad", 0], counted: ["warm", 0.2] };

  // Arrow keys on `host` choose one of `count()` values, as a slider does; `choose` shows it and returns its words.
  function step(host, label, count, choose, page) {
    let place = -1;
    host.tabIndex = 0;
    host.setAttribute("role", "slider");
    host.setAttribute("aria-label", label);
    host.setAttribute("aria-valuemin", "1");
    const tell = (next, text) => {
      place = next;
      host.setAttribute("aria-valuemax", String(Math.max(count(), 1)));
      host.setAttribute("aria-valuenow", String(Math.max(next, 0) + 1));
      host.setAttribute("aria-valuetext", text);
    };
    host.addEventListener("keydown", (event) => {
      const moves = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: page, PageDown: -page, Home: -Infinity, End: Infinity };
      const move = moves[event.key];
      if (move === undefined || !count()) return;
      event.preventDefault();
      const first = place < 0 && Number.isFinite(move) ? 0 : place + move;
      choose(Math.min(Math.max(first, 0), count() - 1));
    });
    return tell;
  }

  // --- Marks of a drawing: bars, cells, dots -------------------------------------------------------------------------
  const holder = document.getElementById("chart-data");
  const { words, clocks, series, charts } = JSON.parse(holder.textContent);

  for (const host of document.querySelectorAll(".drawing")) {
    if (!host.querySelector("[data-tip]") || charts[host.parentElement.dataset.chart]) continue;
    const readout = make("p", "readout");
    readout.hidden = true;
    host.after(readout);
    const marks = () => {
      const shown = [...host.querySelectorAll("svg")].find((svg) => svg.getBoundingClientRect().width > 0);
      return shown ? [...shown.querySelectorAll("[data-tip]")] : [];
    };
    const show = (mark) => {
      for (const other of host.querySelectorAll(".on")) other.classList.remove("on");
      mark.classList.add("on");
      readout.hidden = false;
      readout.textContent = mark.dataset.tip;
      tell(marks().indexOf(mark), mark.dataset.tip);
    };
    const title = host.parentElement.querySelector("h3");
    const tell = step(host, title ? title.textContent : words.readMarks, () => marks().length, (place) => show(marks()[place]), 24);
    tell(-1, words.readMarks);
    for (const kind of ["pointerover", "pointerdown"]) {
      host.addEventListener(kind, (event) => {
        const mark = event.target.closest("[data-tip]");
        if (mark) show(mark);
      });
    }
  }

  // --- Lines over hours ----------------------------------------------------------------------------------------------
  const plots = new Set();

  function draw(figure, chart) {
    const clock = clocks[chart.clock];
    const count = clock.labels.length;
    const ends = [clock.start, clock.start + clock.step * count];
    const live = make("div", "live");
    const days = make("div", "tools");
    const host = make("div", "plot");
    const readout = make("p", "readout", words.read);
    const lines = make("div", "tools");
    const key = make("p", "key");
    days.setAttribute("role", "group");
    days.setAttribute("aria-label", words.days);
    lines.setAttribute("role", "group");
    lines.setAttribute("aria-label", words.lines);
    live.append(days, host, readout, lines, key);
    figure.querySelector(".drawing").after(live);
    figure.classList.add("answers");

    const parts = chart.lines.map((line, place) => ({
      ...line,
      values: series[line.series],
      stroke: () => (line.role === "used" ? color("accent") : line.role === "normal" ? color("muted") : hue(place)),
    }));
    const band = chart.band ? chart.band.series.map((place) => series[place]) : [];
    const first = 1 + band.length; // of the lines among the series: the band lies below them
    const place = (u, at) => Math.round(u.valToPos(at, "x", true));

    function shade(u) {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      for (const span of chart.spans) {
        const [name, alpha] = shades[span.kind];
        const [left, right] = [place(u, span.from), place(u, span.to)];
        ctx.globalAlpha = alpha;
        ctx.fillStyle = color(name);
        ctx.fillRect(left, bbox.top, Math.max(right - left, 1), bbox.height);
        ctx.globalAlpha = 1;
        if (span.kind === "leftOut" || span.kind === "estimated") ctx.fillRect(left, bbox.top + bbox.height - 4 * devicePixelRatio, Math.max(right - left, 1), 4 * devicePixelRatio);
        if (span.kind === "holiday") {
          ctx.fillStyle = color("ink");
          ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
          ctx.textBaseline = "top";
          ctx.fillText(span.label, left + 4 * devicePixelRatio, bbox.top + 3 * devicePixelRatio, Math.max(right - left - 6 * devicePixelRatio, 1));
        }
      }
      ctx.strokeStyle = color("line");
      ctx.lineWidth = devicePixelRatio;
      for (const day of clock.days.slice(1)) {
        ctx.beginPath();
        ctx.moveTo(place(u, day.from), bbox.top);
        ctx.lineTo(place(u, day.from), bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    }

    function told(index) {
      const values = parts
        .filter((part, number) => plot.series[first + number].show)
        .map((part) => `${part.label} ${part.values[index] === null ? words.unknown : `${write(part.values[index])} ${unit}`}`);
      if (band.length) values.push(`${chart.band.label} ${write(band[0][index] ?? 0)}\u2013${write(band[1][index] ?? 0)} ${unit}`);
      const at = clock.start + (index + 0.5) * clock.step;
      const notes = new Set(chart.spans.filter((span) => span.from <= at && at < span.to).map((span) => span.label));
      return [`${clock.labels[index]}: ${values.join(", ")}`, ...notes].join(" \u00b7 ");
    }

    function tellAt(index) {
      readout.textContent = told(index);
      tell(index, readout.textContent);
    }

    const unit = chart.unit.split(" ")[0];
    let tell = () => {};
    const height = chart.isSmall ? 190 : 260;
    const font = "12px system-ui, sans-serif";
    const xs = clock.labels.map((_, index) => clock.start + (index + 0.5) * clock.step);
    const isWide = (u) => u.scales.x.max - u.scales.x.min > 2.2 * 86400;
    const splits = (u, axis, low, high) =>
      high - low > 2.2 * 86400
        ? clock.days.map((day) => (day.from + day.to) / 2)
        : clock.hours.flatMap((hour, index) => (clock.start + index * clock.step < high - 1800 && hour % (u.width < 480 ? 6 : 3) === 0 ? [clock.start + index * clock.step] : []));
    const names = (u, at) => {
      if (!isWide(u)) return at.map((second) => words.hours[clock.hours[Math.round((second - clock.start) / clock.step)]] ?? "");
      const room = u.width / clock.days.length;
      const every = Math.max(1, Math.ceil(58 / room));
      return clock.days.map((day, number) => (number % every ? "" : room < 84 ? day.short : day.label));
    };
    const plot = new uPlot(
      {
        width: Math.max(host.clientWidth, 200),
        height,
        padding: [12, 6, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 8 }, drag: { x: true, y: false } },
        scales: {
          x: { time: false, min: ends[0], max: ends[1] },
          y: { range: (u, low, high) => [Math.min(0, low ?? 0) * 1.05, (high > 0 ? high : 1) * 1.08] },
        },
        axes: [
          { splits, values: names, stroke: () => color("muted"), font, grid: { show: false }, ticks: { show: false }, size: 30 },
          { stroke: () => color("muted"), font, size: 52, grid: { stroke: () => color("line"), width: 1 }, ticks: { show: false }, values: (u, at) => at.map((value) => value.toLocaleString("en-US")) },
        ],
        series: [
          {},
          ...band.map(() => ({ stroke: "transparent", width: 0, points: { show: false } })),
          ...parts.map((part) => ({
            show: part.role !== "meter",
            stroke: part.stroke,
            width: part.role === "used" ? 2 : 1.4,
            dash: part.role === "normal" ? [6, 4] : undefined,
            points: { show: false },
          })),
        ],
        bands: band.length ? [{ series: [2, 1], fill: () => color("soft") }] : [],
        hooks: {
          drawClear: [shade],
          setCursor: [
            (u) => {
              const index = u.cursor.idx;
              if (index !== null && index !== undefined) tellAt(index);
            },
          ],
          setScale: [
            (u, name) => {
              if (name === "x") for (const button of days.children) press(button, isAt(u, button));
            },
          ],
        },
      },
      [xs, ...band, ...parts.map((part) => part.values)],
      host,
    );
    plots.add(plot);
    const canvas = host.querySelector("canvas");
    canvas.setAttribute("aria-hidden", "true");

    function press(button, isPressed) {
      button.setAttribute("aria-pressed", String(isPressed));
    }
    function isAt(u, button) {
      return Math.abs(u.scales.x.min - Number(button.dataset.from)) < 1 && Math.abs(u.scales.x.max - Number(button.dataset.to)) < 1;
    }
    function addDay(label, from, to) {
      const button = make("button", "chip", label);
      button.type = "button";
      button.dataset.from = from;
      button.dataset.to = to;
      press(button, isAt(plot, button) || (from === ends[0] && to === ends[1]));
      button.addEventListener("click", () => plot.setScale("x", { min: from, max: to }));
      days.append(button);
    }
    if (clock.days.length > 1) {
      addDay(words.all, ...ends);
      if (clock.days.length <= 14) for (const day of clock.days) addDay(day.short, day.from, day.to);
    }

    const more = make("details", "meters");
    more.append(make("summary", "", words.meters));
    const others = make("div", "tools");
    more.append(others);
    parts.forEach((part, number) => {
      const button = make("button", "chip");
      const swatch = make("span", `swatch ${part.role}`);
      if (part.role === "meter") swatch.style.setProperty("--swatch", hue(number));
      button.type = "button";
      button.append(swatch, make("bdi", "", part.label));
      press(button, part.role !== "meter");
      button.addEventListener("click", () => {
        const isShown = !plot.series[first + number].show;
        plot.setSeries(first + number, { show: isShown });
        press(button, isShown);
      });
      (part.role === "meter" ? others : lines).append(button);
    });
    if (others.children.length) live.append(more);
    key.append(make("span", "entry", chart.unit));
    for (const kind of new Set(chart.spans.map((span) => `${span.kind}|${span.kind === "holiday" ? "" : span.label}`))) {
      const [name, label] = kind.split("|");
      const texts = label ? [label] : chart.spans.filter((span) => span.kind === "holiday").map((span) => span.label);
      const entry = make("span", "entry");
      entry.append(make("span", `swatch ${name}`), make("bdi", "", texts.join(", ")));
      key.append(entry);
    }
    if (band.length) {
      const entry = make("span", "entry");
      entry.append(make("span", "swatch band"), make("bdi", "", chart.band.label));
      key.append(entry);
    }

    tell = step(host, chart.title, () => count, (index) => {
      const at = xs[index];
      if (at < plot.scales.x.min || at > plot.scales.x.max) {
        const day = clock.days.find((each) => each.from <= at && at < each.to);
        plot.setScale("x", { min: day.from, max: day.to });
      }
      tellAt(index);
      requestAnimationFrame(() => plot.setCursor({ left: plot.valToPos(at, "x"), top: height / 3 }, false));
    }, 24);
    tell(-1, words.read);
    host.addEventListener("keydown", (event) => {
      if (event.key === "Escape") plot.setScale("x", { min: ends[0], max: ends[1] });
    });
    for (const kind of ["pointerdown", "pointermove"]) {
      // A finger that moves sideways reads values; up and down it scrolls the page.
      host.querySelector(".u-over").addEventListener(kind, (event) => {
        if (event.pointerType === "touch") plot.setCursor({ left: event.offsetX, top: event.offsetY });
      });
    }
    new ResizeObserver(() => {
      if (host.clientWidth > 0 && Math.abs(host.clientWidth - plot.width) > 1) plot.setSize({ width: host.clientWidth, height });
    }).observe(host);
  }

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        draw(target, charts[target.dataset.chart]);
      }
    },
    { rootMargin: "400px" },
  );
  for (const figure of document.querySelectorAll("figure[data-chart]")) if (charts[figure.dataset.chart]) watcher.observe(figure);
  isDark.addEventListener("change", () => {
    for (const plot of plots) plot.redraw();
  });
})();
