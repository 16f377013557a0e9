(function () {
  "use strict";
  var D = JSON.parse(document.getElementById("data-json").textContent);
  var at = function (id) { return document.getElementById(id); };
  var outdated = at("outdated");
  if (outdated && new Date() > new Date(outdated.dataset.until + "T23:59:59Z")) outdated.hidden = false;
  var NS = "http://www.w3.org/2000/svg";
  var month = 0, measure = 0, picked = null;
  var DARK = ["q5", "q6", "q7", "d0", "d6"];
  var by = {};
  D.measures.forEach(function (m) { by[m.key] = m; });

  function el(name, text, cls) {
    var e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    if (cls) e.className = cls;
    return e;
  }
  function shape(name, attributes, text) {
    var e = document.createElementNS(NS, name);
    Object.keys(attributes).forEach(function (k) { e.setAttribute(k, attributes[k]); });
    if (text !== undefined) e.textContent = text;
    return e;
  }
  function colour(m, v) {
    if (v === null) return "na";
    var k = 0;
    while (k < m.edges.length && v >= m.edges[k]) k++;
    return m.palette + k;
  }

  /* map */
  var areas = {};
  document.querySelectorAll("#areas .r").forEach(function (p) { areas[p.dataset.i] = p; });
  function paint() {
    var m = D.measures[measure];
    Object.keys(areas).forEach(function (i) { areas[i].setAttribute("class", "r " + colour(m, m.values[month][i])); });
    document.querySelectorAll("#map .name").forEach(function (t) {
      t.classList.toggle("over", DARK.indexOf(colour(m, m.values[month][t.dataset.i])) >= 0);
    });
    at("legendtitle").textContent = m.label + (m.lasting ? "" : ", " + D.months[month]);
    var list = at("legend");
    list.textContent = "";
    m.legend.forEach(function (word, k) {
      var li = el("li"), box = el("i", undefined, m.palette + k);
      li.appendChild(box);
      li.appendChild(document.createTextNode(word));
      list.appendChild(li);
    });
    if (m.key === "begin") { var off = el("li"); off.appendChild(el("i", undefined, "na")); off.appendChild(document.createTextNode("masked: events of late")); list.appendChild(off); }
    at("month").textContent = D.months[month];
    at("horizon").value = month;
    at("horizon").setAttribute("aria-valuetext", D.months[month]);
  }
  function line(table, name, value) {
    var tr = el("tr");
    tr.appendChild(el("td", name));
    tr.appendChild(el("td", value));
    table.appendChild(tr);
  }
  function card() {
    var box = at("card"), i = picked;
    if (!box || i === null) return;
    box.textContent = "";
    box.appendChild(el("h3", D.labels[i]));
    box.appendChild(el("div", D.months[month], "soft"));
    var t = el("table");
    line(t, D.measures[0].label, by.events.text[month][i]);
    line(t, "80% interval", D.spans[month][i]);
    D.measures.forEach(function (m) { if (/^p\d+$/.test(m.key)) line(t, m.label, m.text[month][i]); });
    if (by.deaths) line(t, "Expected deaths", by.deaths.text[month][i]);
    line(t, "Mean of past 12 months", D.recent[i]);
    line(t, "Change on 3 months", by.lately.text[month][i]);
    line(t, "Change on 12 months", by.change.text[month][i]);
    line(t, "In % of a usual month", by.relative.text[month][i]);
    if (by.begin && by.begin.values[0][i] !== null) line(t, "Could begin in six months", by.begin.text[0][i]);
    if (by.revision) line(t, "Since the last release", by.revision.text[month][i]);
    box.appendChild(t);
    var row = document.querySelector('#rank tr[data-i="' + i + '"] .spark');
    if (row) { box.appendChild(el("div", "Past 12 months", "note gap")); box.appendChild(row.cloneNode(true)); }
    if (D.reasons[month][i]) box.appendChild(el("p", "What sets it apart: " + D.reasons[month][i] + ".", "why"));
    links(box, i);
  }
  /* a region's numbers as a file, and a link to it */
  function cell(v) {
    var s = String(v === null ? "NA" : v);
    if (/^[=+\-@\t\r]/.test(s) && typeof v === "string") s = "'" + s;
    return /[",\n\r]/.test(s) ? '"' + s.replace(/"/g, '""') + '"' : s;
  }
  function numbers(i) {
    var rows = [["region_id", "name", "country", "target", "month", "mean", "q05", "q10", "q25", "q50", "q75", "q90", "q95"]];
    Object.keys(D.fans).forEach(function (target) {
      var F = D.fans[target].regions;
      D.months.forEach(function (name, k) {
        rows.push(D.regions[i].concat([target, name, F.mean[i][k]], F.q[i].map(function (q) { return q[k]; })));
      });
    });
    return rows.map(function (row) { return row.map(cell).join(","); }).join("\n") + "\n";
  }
  function links(box, i) {
    var p = el("p", undefined, "note"), file = el("a", "Numbers as CSV"), here = el("a", "Link to this region");
    file.href = "data:text/csv;charset=utf-8," + encodeURIComponent(numbers(i));
    file.download = D.regions[i][0].replace(/[^\w.-]/g, "_") + ".csv";
    here.href = "#region=" + encodeURIComponent(D.regions[i][0]);
    p.appendChild(file); p.appendChild(document.createTextNode(" · ")); p.appendChild(here);
    box.appendChild(p);
  }
  function pick(i, fromList) {
    picked = Number(i);
    if (areas[i]) at("picked").setAttribute("d", areas[i].getAttribute("d"));
    if (!fromList) at("pick").value = String(i);
    card();
  }

  /* ranking */
  var table = at("rank"), body = table.tBodies[0], rows = Array.prototype.slice.call(body.rows);
  var limit = rows.filter(function (r) { return !r.classList.contains("more"); }).length;
  var sort = { key: "events", up: false };
  function value(i, key) {
    if (key === "name") return D.regions[i][1].toLowerCase();
    if (key === "high") return D.high[month][i];
    if (key === "recent") return D.recentvalues[i];
    return by[key].values[month][i];
  }
  /* as D.find is written: no accents, one space for other signs */
  function plain(text) {
    return text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/ı/g, "i").replace(/[^a-z0-9_']+/g, " ").trim();
  }
  function arrange() {
    rows.sort(function (a, b) {
      var x = value(a.dataset.i, sort.key), y = value(b.dataset.i, sort.key);
      if (x === y) return a.dataset.i - b.dataset.i;
      if (x === null) return 1;
      if (y === null) return -1;
      return (x < y ? -1 : 1) * (sort.up ? 1 : -1);
    });
    var word = at("find").value.trim().toLowerCase(), bare = plain(word), only = at("only").value, shown = 0, seen = 0;
    rows.forEach(function (r) {
      var i = r.dataset.i, hit = (!only || r.dataset.c === only) && (D.labels[i].toLowerCase().indexOf(word) >= 0 || bare && D.find[i].indexOf(bare) >= 0);
      r.classList.toggle("out", !hit);
      if (hit) shown++;
      r.classList.toggle("more", hit && shown > limit && !word && !only);
      if (hit && !r.classList.contains("more")) seen++;
      body.appendChild(r);
    });
    if (at("shown")) at("shown").textContent = word || only ? shown + " of " + rows.length + " regions" : "";
  }
  function fill() {
    var keys = Object.keys(by).filter(function (k) { return /^p\d+$/.test(k); });
    rows.forEach(function (r) {
      var i = r.dataset.i, c = 2, cells = r.querySelectorAll("td");
      cells[c++].textContent = by.events.text[month][i];
      cells[c++].textContent = D.spans[month][i];
      keys.forEach(function (k) {
        cells[c].textContent = by[k].text[month][i];
        cells[c++].style.setProperty("--v", Math.round(by[k].values[month][i] * 100));
      });
      cells[c++].textContent = by.lately.text[month][i];
      cells[c++].textContent = by.change.text[month][i];
      if (by.revision) cells[c++].textContent = by.revision.text[month][i];
      if (by.deaths) cells[c++].textContent = by.deaths.text[month][i];
      r.querySelector(".reason").textContent = D.reasons[month][i];
    });
    document.querySelectorAll(".themonth").forEach(function (e) { e.textContent = D.months[month]; });
    at("tablemonth").value = month;
    arrange();
  }
  table.tHead.addEventListener("click", function (e) {
    var b = e.target.closest("button");
    if (!b) return;
    var key = b.dataset.sort;
    sort = { key: key, up: sort.key === key ? !sort.up : key === "name" };
    table.querySelectorAll("th[aria-sort]").forEach(function (th) { th.removeAttribute("aria-sort"); });
    b.closest("th").setAttribute("aria-sort", sort.up ? "ascending" : "descending");
    arrange();
  });
  at("find").addEventListener("input", arrange);
  at("only").addEventListener("change", arrange);
  if (at("showall")) at("showall").addEventListener("click", function () {
    var open = table.classList.toggle("all");
    this.setAttribute("aria-expanded", String(open));
    this.textContent = open ? "Show the leading regions only" : "Show all " + rows.length + " regions";
  });
  function turn(to) {
    month = Number(to);
    if (at("map")) { paint(); card(); }
    fill();
  }
  at("tablemonth").addEventListener("change", function () { turn(this.value); });

  /* one chosen place */
  function ceiling(v) {
    if (v <= 1) return 1;
    var power = Math.pow(10, Math.floor(Math.log10(v)));
    return [1, 2, 3, 4, 5, 6, 8, 10].map(function (s) { return s * power; }).find(function (s) { return s >= v - 1e-9; });
  }
  function fan() {
    var chosen = at("fanplace").value.split(":"), i = Number(chosen[1]);
    var target = at("fantarget") ? at("fantarget").value : "events", F = D.fans[target][chosen[0]];
    var name = chosen[0] === "regions" ? D.labels[i] : D.places[i];
    var narrow = window.innerWidth < 620;
    var W = narrow ? 420 : 1060, H = narrow ? 260 : 300, right = narrow ? 8 : 92, foot = 24, head = 12;
    var past = F.history[i].slice(narrow ? -24 : -36), first = D.past.slice(narrow ? -24 : -36), q = F.q[i], mean = F.mean[i];
    var top = ceiling(Math.max.apply(null, past.concat(q[q.length - 1], mean)));
    var left = Math.max(40, 12 + 6.5 * Math.max(top.toLocaleString("en").length, (top / 2).toLocaleString("en").length));
    var slot = (W - left - right) / (past.length + mean.length);
    var y = function (v) { return Math.round((head + (1 - v / top) * (H - head - foot)) * 10) / 10; };
    var x = function (k) { return Math.round((left + k * slot) * 10) / 10; };
    var counted = target === "events" ? D.measures[0].label.replace("Expected ", "") : target;
    var words = name + ", " + counted + " expected in " + D.months[0] + ": " + F.words[i] + ".";
    var svg = shape("svg", { viewBox: "0 0 " + W + " " + H, role: "img", "aria-label": words });
    [0, top / 2, top].forEach(function (v) {
      svg.appendChild(shape("line", { x1: left, x2: W - right, y1: y(v), y2: y(v), "class": "grid" }));
      svg.appendChild(shape("text", { x: left - 7, y: y(v) + 4, "class": "tick end" }, v.toLocaleString("en")));
    });
    var d = "";
    past.forEach(function (v, k) { if (v) d += "M" + x(k) + " " + y(0) + "V" + y(v) + "h" + (slot * 0.82).toFixed(1) + "V" + y(0) + "z"; });
    svg.appendChild(shape("path", { d: d || "M0 0", "class": "past" }));
    var n = past.length;
    [0, 1, 2].forEach(function (b) {
      var up = "", down = "";
      mean.forEach(function (v, k) {
        up += (k ? "L" : "M") + x(n + k) + " " + y(q[q.length - 1 - b][k]) + "H" + x(n + k + 1);
        down = "L" + x(n + k + 1) + " " + y(q[b][k]) + "H" + x(n + k) + down;
      });
      svg.appendChild(shape("path", { d: up + down + "z", "class": "band b" + b }));
    });
    svg.appendChild(shape("path", { d: mean.map(function (v, k) { return (k ? "L" : "M") + x(n + k) + " " + y(v) + "H" + x(n + k + 1); }).join(""), "class": "mean" }));
    svg.appendChild(shape("line", { x1: x(n) - 0.1 * slot, x2: x(n) - 0.1 * slot, y1: head, y2: y(0), "class": "now" }));
    first.forEach(function (m, k) {
      if (m.slice(5) === "01") svg.appendChild(shape("text", { x: x(k), y: H - 5, "class": "tick" }, m.slice(0, 4)));
    });
    if (x(n) > 0) svg.appendChild(shape("text", { x: x(n), y: H - 5, "class": "tick" }, D.months[0].slice(0, 3) + " " + D.months[0].slice(-4)));
    if (!narrow) {
      var last = mean.length - 1, used = [];
      [["mean", mean[last], true], ["80% interval", q[5][last]], ["90%", q[6][last]]].forEach(function (a) {
        var h = y(a[1]) + 4;
        used.forEach(function (u) { if (Math.abs(u - h) < 14) h = u - 14; });
        used.push(h);
        svg.appendChild(shape("text", { x: W - right + 6, y: h, "class": "onchart" + (a[2] ? " strong" : "") }, a[0]));
      });
    }
    var rowsOfChosen = at("chosentable");
    rowsOfChosen.textContent = "";
    mean.forEach(function (v, k) {
      var tr = el("tr");
      [D.months[k], F.text[i][k]].concat([2, 1, 0].map(function (b) {
        return q[b][k].toLocaleString("en") + "–" + q[q.length - 1 - b][k].toLocaleString("en");
      })).forEach(function (word, c) { tr.appendChild(el("td", word, c ? "n" : "")); });
      rowsOfChosen.appendChild(tr);
    });
    at("chosenwords").textContent = words;
    at("chosen").textContent = "";
    at("chosen").appendChild(svg);
  }
  at("fanplace").addEventListener("change", fan);
  if (at("fantarget")) at("fantarget").addEventListener("change", fan);
  var wide = window.innerWidth < 620;
  window.addEventListener("resize", function () {
    if ((window.innerWidth < 620) !== wide) { wide = !wide; fan(); }
  });

  if (at("map")) {
    if (at("showcorridors")) at("showcorridors").addEventListener("change", function () {
      if (this.checked) at("corridors").removeAttribute("display"); else at("corridors").setAttribute("display", "none");
    });
    at("measure").addEventListener("change", function () { measure = Number(this.value); paint(); });
    at("horizon").addEventListener("input", function () { turn(this.value); });
    at("pick").addEventListener("change", function () { pick(this.value, true); });
    at("areas").addEventListener("mouseover", function (e) { if (e.target.dataset.i) pick(e.target.dataset.i); });
    at("areas").addEventListener("click", function (e) { if (e.target.dataset.i) pick(e.target.dataset.i); });
    at("measure").value = "0";
    pick(at("pick").value, true);
    var follow = function () {
      var asked = /^#region=(.+)$/.exec(location.hash), id = asked && decodeURIComponent(asked[1]);
      D.regions.forEach(function (r, i) { if (id && r[0] === id) { pick(i); at("place").scrollIntoView(); } });
    };
    window.addEventListener("hashchange", follow);
    follow();
  }
  turn(0);
  fan();
})();
