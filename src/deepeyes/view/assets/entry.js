// One entry in the page: its images when they come in sight, its full sizes, tokens and JSON when asked for.
//
// Its HTML comes from the templates, in which all text is escaped. It is parsed apart and moved in: no text is
// ever made into HTML here, which the page's policy (trusted types) sees to where a browser knows them.

const policy = window.trustedTypes?.createPolicy("deepeyes", { createHTML: (html) => html });

function nodesOf(html) {
  const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  return [...parsed.body.children].map((node) => document.adoptNode(node));
}

const inSight = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      inSight.unobserve(target);
      source.image(target.dataset.image).then((address) => (target.src = address), () => missing(target));
    }
  },
  { rootMargin: "600px" },
);

function missing(image) {
  const note = make("div", "this image cannot be shown", "missing");
  (image.closest(".frame") ?? image).replaceWith(note);
}

// The article of an entry, ready to stand in the page.
async function articleOf(place) {
  const told = await source.entry(place);
  const [article] = nodesOf(told.html);
  for (const image of article.querySelectorAll("img[data-image]")) {
    image.addEventListener("error", () => missing(image));
    inSight.observe(image);
  }
  for (const frame of article.querySelectorAll("[data-full]")) {
    frame.addEventListener("click", () => zoom(frame));
    frame.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      zoom(frame);
    });
  }
  for (const details of article.querySelectorAll("details.tokens")) {
    details.addEventListener("toggle", () => tokens(details, place, told), { once: true });
  }
  const copy = article.querySelector("[data-do=copy]");
  copy.addEventListener("click", () => copyJson(copy, place));
  return article;
}

async function tokens(details, place, { pieces, fed }) {
  try {
    const number = Number(details.dataset.turn);
    const { turns, rewards } = JSON.parse(await source.raw(place));
    details.append(...tokensOf(turns[number], pieces[number], fed?.[number], Number(rewards?.advantage ?? 0)));
  } catch (problem) {
    details.append(make("p", problem.message, "aside bad"));
  }
}

async function copyJson(button, place) {
  try {
    const text = await source.raw(place);
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy as JSON"), 1500);
    } catch {
      // Browsers give the clipboard to secure pages only: let people copy by hand.
      const area = make("textarea", text);
      area.readOnly = true;
      area.setAttribute("aria-label", "JSON");
      open(area);
      area.select();
    }
  } catch (problem) {
    button.textContent = problem.message;
  }
}

const dialog = document.getElementById("zoom");
dialog.addEventListener("click", (event) => {
  if (!event.target.closest("textarea")) dialog.close();
});

function open(...content) {
  dialog.replaceChildren(...content);
  dialog.showModal();
}

async function zoom(frame) {
  const seen = frame.querySelector("img");
  const image = document.createElement("img");
  image.alt = seen.alt;
  const note = make("p", "", "note");
  try {
    image.src = await source.image(frame.dataset.full);
  } catch {
    image.src = seen.src;
    note.textContent = "at the size the model saw: the full size is not in this page";
  }
  const whole = document.createElement("div");
  whole.className = "frame";
  const outlines = frame.querySelector("svg");
  whole.append(image, ...(outlines ? [outlines.cloneNode(true)] : []));
  open(whole, note);
}
