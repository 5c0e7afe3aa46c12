// The tokens of a reply, shaded by how likely the model found each, and which of them are learned.

const STEPS = [0.99, 0.9, 0.6, 0.3, 0.1, 0.01]; // below each of them a token is a shade darker

function shadeOf(probability) {
  return STEPS.filter((step) => probability < step).length;
}

function make(name, text, className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

// The numbers of JSON may be text: "-Infinity" is what a token has that could not have been drawn.
// `fed` is what was put to the model before, in few words; `gain` is the advantage of what was learned.
function tokensOf(turn, pieces, fed = [], gain = 0) {
  const ids = turn.token_ids ?? [];
  const chances = turn.logprobs?.map((value) => Math.exp(Number(value)));
  const mask = turn.loss_mask;
  const length = Math.max(ids.length, chances?.length ?? 0, mask?.length ?? 0);
  const box = make("p", "", pieces ? "words" : "numbers");
  for (let place = 0; place < length; place += 1) {
    const chance = chances?.[place];
    const text = pieces?.[place] ?? (place in ids ? String(ids[place]) : "·");
    const token = make("span", visible(text), chance === undefined ? "" : `u${shadeOf(chance)}`);
    const learned = !mask || mask[place];
    const push = !learned || !gain ? "" : gain > 0 ? "up" : "down";
    if (!learned) token.classList.add("unlearned");
    else if (push) token.classList.add(push);
    const told = chance === undefined ? [] : [`probability ${chance < 0.001 ? chance.toExponential(1) : chance.toFixed(3)}`];
    if (place in ids) told.push(`token ${ids[place]}`);
    if (mask) told.push(learned ? `learned${push ? `, made ${push === "up" ? "more" : "less"} likely` : ""}` : "not learned");
    token.title = told.join(", ");
    box.append(token);
  }
  const before = make("p", "", pieces ? "words fedline" : "numbers fedline");
  before.append(...fed.map((piece) => make("span", visible(piece), "fed")));
  const told = make("p", summaryOf(turn, length, chances, mask), "aside");
  return [told, ...(chances ? [legend(gain)] : []), ...(fed.length ? [before] : []), box];
}

function summaryOf(turn, length, chances, mask) {
  const said = [`${length} tokens`];
  if (turn.prompt_ids) said.push(`${turn.prompt_ids.length} were fed before and are never learned`);
  if (mask) said.push(`${mask.filter(Boolean).length} learned`);
  if (chances?.length) {
    const mean = Math.exp(chances.reduce((sum, chance) => sum + Math.log(chance), 0) / chances.length);
    said.push(`probability ${mean.toFixed(3)} (geometric mean), lowest ${Math.min(...chances).toPrecision(2)}`);
  }
  return said.join("; ");
}

function legend(gain) {
  const row = make("p", "likely ", "legend");
  for (let step = 0; step <= STEPS.length; step += 1) row.append(make("span", step ? `<${STEPS[step - 1]}` : "≥0.99", `u${step}`));
  row.append(make("span", "not learned", "unlearned"));
  if (gain) row.append(make("span", gain > 0 ? "made more likely" : "made less likely", gain > 0 ? "up" : "down"), make("span", "fed, only read", "fed"));
  return row;
}

// Control characters as symbols, as everywhere; a line end stays one and is seen.
function visible(text) {
  return text
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (sign) => String.fromCharCode(0x2400 + sign.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(/[\u0080-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd")
    .replace(/\n/g, "↵\n");
}
