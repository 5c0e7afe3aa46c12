// The page: what is chosen, and what follows from it.

const $ = (id) => document.getElementById(id);
const [query, pills, facetBox, count, pane] = ["query", "pills", "facets", "count", "pane"].map($);
const state = { list: null, compared: null, order: [], units: [], outcome: "", facets: {}, hits: null, sort: "order", down: false };
const narrow = matchMedia("(max-width: 56rem)");
const SIGNS = { right: "✓", wrong: "✗", unsure: "?", failed: "!", unscored: "·", kept: "✓", rejected: "✗" };
let lines;
let opening = 0; // the entry asked for last; what comes later of others is dropped
let searching = 0;

async function start() {
  try {
    state.list = await source.index();
  } catch (problem) {
    count.textContent = problem.message;
    return;
  }
  const { list } = state;
  document.title = `${list.title} · DeepEyes`;
  $("head").replaceChildren(...nodesOf(list.head));
  const runs = runsOf();
  // Two runs were named to be compared; of more one may choose two.
  if (runs.length === 2 && unitsOf(list, [0, 1]).some((unit) => !unit.includes(-1))) state.compared = [0, 1];
  lines = new Lines($("list"), fill, choose);
  buildCompare(runs);
  buildFacets();
  arrange();
  const linked = follow(location.hash);
  if (!linked && !narrow.matches && state.units.length) lines.go(0, "first");
  if (!list.key.length) pane.replaceChildren(make("p", "There are no episodes here yet.", "empty"));
  document.body.dataset.ready = "";
}

function runsOf() {
  return state.list.facets.find((facet) => facet.name === "run")?.values ?? [];
}

// ---- what is chosen

function arrange() {
  const { list, compared } = state;
  state.order = sorted(list, unitsOf(list, compared), state.sort, state.down);
  document.body.classList.toggle("comparing", Boolean(compared));
  update();
}

function update() {
  const { list, compared } = state;
  const before = lines.current >= 0 ? state.units[lines.current] : null;
  const found = filtered(list, state.order, state, compared);
  state.units = found.units;
  const stays = before ? found.units.findIndex((unit) => unit[0] === before[0] && unit[1] === before[1]) : -1;
  lines.set(found.units.length, stays);
  if (stays < 0) $("list").scrollTop = 0;
  drawPills(found);
  drawFacets(found);
  const [shown, all] = [found.units.length, state.order.length];
  const [one, more] = nounOf();
  const of = shown === all ? "" : `${shown.toLocaleString("en")} of `;
  count.textContent = `${of}${all.toLocaleString("en")} ${all === 1 ? one : more}`;
}

function nounOf() {
  const { list, compared } = state;
  if (compared) return ["question", "questions"];
  if (list.facets.some((facet) => facet.name === "entry")) return ["entry", "entries"];
  return ["kept", "rejected"].includes(list.verdict[0]) ? ["row", "rows"] : ["episode", "episodes"];
}

function drawPills(found) {
  const names = state.compared ? COMPARED : state.list.verdicts;
  const button = (name, words, number) => {
    const pill = make("button", `${words} `);
    pill.type = "button";
    pill.dataset.outcome = name;
    pill.setAttribute("aria-pressed", String(state.outcome === name));
    pill.append(make("span", number.toLocaleString("en")));
    return pill;
  };
  const always = state.compared ? ["first", "second", "differs"] : [];
  const kinds = Object.entries(names).filter(([name]) => found.outcomes[name] || [...always, state.outcome].includes(name));
  const focused = document.activeElement?.dataset?.outcome;
  pills.replaceChildren(
    button("", "All", found.all),
    ...kinds.map(([name, words]) => button(name, words[0].toUpperCase() + words.slice(1), found.outcomes[name] ?? 0)),
  );
  if (focused !== undefined) pills.querySelector(`[data-outcome="${focused}"]`)?.focus();
}

pills.addEventListener("click", (event) => {
  const pill = event.target.closest("button");
  if (!pill) return;
  state.outcome = pill.dataset.outcome;
  update();
});

function select(name, title, options, value, change) {
  const label = make("label", "");
  label.dataset.choice = name;
  const choice = make("select", "");
  for (const [name, words] of options) {
    const option = make("option", words);
    option.value = name;
    choice.append(option);
  }
  choice.value = value;
  choice.addEventListener("change", () => change(choice.value));
  label.append(make("span", title), choice);
  return label;
}

function buildFacets() {
  const { list } = state;
  const each = list.facets.map((facet) => {
    const options = [["", "all"], ...facet.values.map((value, place) => [String(place), value])];
    return select(facet.name, facet.title, options, "", (value) => {
      if (value === "") delete state.facets[facet.name];
      else state.facets[facet.name] = Number(value);
      update();
    });
  });
  const sorts = Object.entries(SORTS).map(([name, [words]]) => [name, words]);
  const resort = (change) => {
    Object.assign(state, change);
    arrange();
  };
  facetBox.replaceChildren(
    ...each,
    select("sort", "sort by", sorts, state.sort, (sort) => resort({ sort })),
    select("down", "order", [["", "rising"], ["down", "falling"]], "", (down) => resort({ down: Boolean(down) })),
  );
}

function drawFacets(found) {
  let active = 0;
  for (const facet of state.list.facets) {
    const label = facetBox.querySelector(`[data-choice="${facet.name}"]`);
    const value = state.facets[facet.name];
    active += value !== undefined;
    const shown = [...label.querySelector("select").options].slice(1);
    for (const [place, option] of shown.entries()) {
      const number = found.facets[facet.name][place];
      option.textContent = `${facet.values[place]} (${number.toLocaleString("en")})`;
      option.disabled = !number && place !== value;
    }
    label.hidden = facet.name === "run" && Boolean(state.compared);
  }
  $("filters").querySelector("summary").textContent = active ? `Filter and sort (${active} set)` : "Filter and sort";
}

function buildCompare(runs) {
  const box = $("compare");
  box.hidden = runs.length < 2;
  if (box.hidden) return;
  const set = (compared) => {
    Object.assign(state, { compared, outcome: "" });
    delete state.facets.run;
    const choice = facetBox.querySelector("[data-choice=run] select");
    if (choice) choice.value = "";
    buildCompare(runs);
    lines.current = -1;
    arrange();
    if (state.units.length && !narrow.matches) lines.go(0, "first");
  };
  const toggle = make("label", "");
  const tick = make("input", "");
  tick.type = "checkbox";
  tick.checked = Boolean(state.compared);
  tick.addEventListener("change", () => {
    set(tick.checked ? [0, 1] : null);
    $("compare").querySelector("input").focus();
  });
  toggle.append(tick, make("span", "Compare two runs"));
  const options = runs.map((run, place) => [String(place), run]);
  const side = (place, title) =>
    select(title, title, options, String(state.compared[place]), (value) => set(state.compared.with(place, Number(value))));
  box.replaceChildren(toggle, ...(state.compared ? [side(0, "first"), side(1, "second")] : []));
}

query.addEventListener("input", () => search(query.value));

async function search(text) {
  const mine = (searching += 1);
  if (!text.trim()) state.hits = null;
  else {
    try {
      const places = await source.find(text);
      if (mine !== searching) return;
      state.hits = new Set(places);
    } catch (problem) {
      count.textContent = problem.message;
      return;
    }
  }
  update();
}

// ---- the list and the entry beside it

function fill(line, number) {
  const { list } = state;
  const unit = state.units[number];
  const place = unit[0] < 0 ? unit[1] : unit[0];
  const marks = make("span", "", "marks");
  for (const one of unit) {
    const verdict = one < 0 ? "none" : list.verdict[one];
    const mark = make("span", SIGNS[verdict] ?? "–", `mark ${verdict}`);
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", list.verdicts[verdict] ?? "not there");
    marks.append(mark);
  }
  const said = unit.map((one) => (one < 0 ? "–" : list.answer[one] || "no answer")).join(" | ");
  const about = make("span", "", "about");
  about.append(make("b", said));
  if (list.turns[place]) {
    const turns = list.turns[place] === 1 ? "1 turn" : `${list.turns[place]} turns`;
    const earned = list.earned?.[place];
    const facts = earned ? [turns, earned] : [turns, `${list.tokens[place]} tokens`, `${list.seconds[place]} s`];
    about.append(make("span", unit.length > 1 ? "" : facts.join(" · ")));
  }
  line.append(marks, make("span", list.question[place] || list.key[place], "question"), about);
}

function choose(number, how) {
  const unit = state.units[number];
  const key = state.list.key[unit[0] < 0 ? unit[1] : unit[0]];
  const hash = `#${encodeURIComponent(key)}`;
  // On a phone the way back leads to the list; beside the list, moving is no journey.
  if (how === "opened" && narrow.matches && !document.body.classList.contains("reading")) history.pushState({ list: true }, "", hash);
  else if (how !== "first") history.replaceState(history.state, "", hash);
  if (how === "opened" && narrow.matches) document.body.classList.add("reading");
  if (narrow.matches && how !== "opened") return;
  show(unit, how === "opened");
}

async function show(unit, focus) {
  const mine = (opening += 1);
  const { list, compared } = state;
  const sides = await Promise.all(
    unit.map((place) => {
      if (place < 0) return make("p", "This run does not have the question.", "empty");
      return articleOf(place).catch((problem) => make("p", problem.message, "empty"));
    }),
  );
  if (mine !== opening) return;
  const back = make("button", "‹ Back to the list", "back");
  back.type = "button";
  back.addEventListener("click", leave);
  if (compared) {
    sides.forEach((side, place) => {
      const name = make("p", runsOf()[compared[place]], "which");
      const column = make("div", "", "column");
      column.append(name, side);
      sides[place] = column;
    });
  }
  const box = make("div", "", "sides");
  box.append(...sides);
  pane.replaceChildren(back, box);
  (narrow.matches ? document.scrollingElement : pane).scrollTop = 0;
  if (focus) pane.querySelector("h2")?.focus({ preventScroll: true });
}

// All episodes of a group beside each other, from the links of its table.
async function beside(article) {
  const mine = (opening += 1);
  const keys = [...article.querySelectorAll(".group a")].map((link) => decodeURIComponent(link.hash.slice(1)));
  const back = make("button", "‹ Back to the episode", "back always");
  back.type = "button";
  back.addEventListener("click", () => pane.replaceChildren(...before));
  const before = [...pane.children];
  const box = make("div", "", "sides many");
  const sides = keys.map((key) => articleOf(state.list.key.indexOf(key)).catch((problem) => make("p", problem.message, "empty")));
  box.append(...(await Promise.all(sides)));
  if (mine !== opening) return;
  pane.replaceChildren(back, box);
  pane.scrollTop = 0;
  back.focus();
}

pane.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do=beside]");
  if (button) beside(button.closest("article"));
});

function leave() {
  if (document.body.classList.contains("reading")) {
    if (history.state?.list) history.back();
    else {
      history.replaceState(null, "", location.pathname + location.search);
      document.body.classList.remove("reading");
    }
  }
  $("list").focus();
}

// Opens what an address names; whether there is such an entry.
function follow(hash) {
  let key = hash.slice(1);
  try {
    key = decodeURIComponent(key);
  } catch {
    return false;
  }
  const place = key ? state.list.key.indexOf(key) : -1;
  if (place < 0) return false;
  let number = state.units.findIndex((unit) => unit.includes(place));
  if (number < 0) {
    clear();
    number = state.units.findIndex((unit) => unit.includes(place));
  }
  if (number < 0) {
    // It is of neither of the runs that are compared.
    state.compared = null;
    buildCompare(runsOf());
    arrange();
    number = state.units.findIndex((unit) => unit.includes(place));
  }
  if (narrow.matches) document.body.classList.add("reading");
  lines.current = number;
  lines.reveal();
  lines.draw();
  show(state.units[number], false);
  return true;
}

function clear() {
  Object.assign(state, { outcome: "", facets: {}, hits: null });
  searching += 1;
  query.value = "";
  for (const { name } of state.list.facets) facetBox.querySelector(`[data-choice="${name}"] select`).value = "";
  update();
}

addEventListener("hashchange", () => {
  if (location.hash) follow(location.hash);
});
addEventListener("popstate", () => {
  if (!location.hash) document.body.classList.remove("reading");
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || !lines) return;
  const writing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape") {
    if (event.target === query && query.value) {
      query.value = "";
      search("");
    } else leave();
  } else if (event.target === query && (event.key === "ArrowDown" || event.key === "Enter")) {
    $("list").focus();
    lines.go(Math.max(0, lines.current), "moved");
  } else if (writing) return;
  else if (event.key === "/") {
    if (document.body.classList.contains("reading")) leave();
    query.focus();
    query.select();
  } else if (event.key === "j" || event.key === "k") lines.go(lines.current + (event.key === "j" ? 1 : -1), narrow.matches && document.body.classList.contains("reading") ? "opened" : "moved");
  else return;
  event.preventDefault();
});

start();
