// Which entries the list shows, in which order. Nothing in here touches the page.
//
// A unit is a line of the list: [place], or when two runs are compared [place in the first, place in the
// second] of one question, where a run that lacks it has -1.

const SORTS = {
  order: ["as written", null],
  question: ["question", (list) => list.question],
  id: ["id", (list) => list.key],
  seconds: ["seconds", (list) => list.seconds],
  tokens: ["tokens", (list) => list.tokens],
  turns: ["turns", (list) => list.turns],
};
const COMPARED = {
  first: "Only first right",
  second: "Only second right",
  differs: "Verdict differs",
  both: "Both right",
  neither: "Neither right",
  lone: "Only in one run",
};

function unitsOf(list, compared) {
  if (!compared) return list.key.map((_, place) => [place]);
  const runs = list.facets.find((facet) => facet.name === "run");
  const pairs = new Map();
  list.pair.forEach((pair, place) => {
    const side = pair ? compared.indexOf(runs.of[place][0]) : -1;
    if (side < 0) return;
    const unit = pairs.get(pair) ?? [-1, -1];
    unit[side] = place;
    pairs.set(pair, unit);
  });
  return [...pairs.values()];
}

function outcomesOf(list, unit, compared) {
  if (!compared) return [list.verdict[unit[0]]];
  const [first, second] = unit;
  if (first < 0 || second < 0) return ["lone"];
  const right = [list.verdict[first] === "right", list.verdict[second] === "right"];
  const told = list.verdict[first] !== list.verdict[second] ? ["differs"] : [];
  if (right[0] && right[1]) told.push("both");
  else if (right[0]) told.push("first");
  else if (right[1]) told.push("second");
  else told.push("neither");
  return told;
}

// The units in the order that `sort` asks for; where two are alike they stay as written.
function sorted(list, units, sort, down) {
  const pick = SORTS[sort][1];
  const order = units.slice();
  if (pick) {
    const values = pick(list);
    const of = (unit) => values[unit[0] < 0 ? unit[1] : unit[0]];
    const words = new Intl.Collator(undefined, { numeric: true });
    const compare = typeof values[0] === "number" ? (a, b) => of(a) - of(b) : (a, b) => words.compare(of(a), of(b));
    order.sort(down ? (a, b) => compare(b, a) : compare);
  } else if (down) order.reverse();
  return order;
}

// `chosen`: {outcome: name or "", facets: {name: number of a value}, hits: Set of places or null}.
// Gives {units, outcomes: {name: count}, facets: {name: [count of each value]}, all}; a count says how many
// units there would be with this choice and all the others as they are.
function filtered(list, order, chosen, compared) {
  const units = [];
  const outcomes = {};
  const facets = Object.fromEntries(list.facets.map((facet) => [facet.name, facet.values.map(() => 0)]));
  let all = 0;
  for (const unit of order) {
    const places = unit.filter((place) => place >= 0);
    if (chosen.hits && !places.some((place) => chosen.hits.has(place))) continue;
    const failed = list.facets.filter(({ name, of }) => {
      const value = chosen.facets[name];
      return value !== undefined && !places.some((place) => of[place].includes(value));
    });
    if (failed.length > 1) continue;
    const its = outcomesOf(list, unit, compared);
    const fits = !chosen.outcome || its.includes(chosen.outcome);
    if (!failed.length) {
      all += 1;
      for (const name of its) outcomes[name] = (outcomes[name] ?? 0) + 1;
      if (fits) units.push(unit);
    }
    if (!fits) continue;
    for (const { name, of } of failed.length ? failed : list.facets) {
      for (const value of new Set(places.flatMap((place) => of[place]))) facets[name][value] += 1;
    }
  }
  return { units, outcomes, facets, all };
}
