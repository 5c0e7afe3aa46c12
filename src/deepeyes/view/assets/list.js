// A list of any length of which only the lines in sight are in the page.

const LINE = 64; // pixels, as in page.css
const SPARE = 6; // lines above and below those in sight

class Lines {
  // `fill(element, number)` writes a line; `choose(number, how)` is called with "moved" or "opened".
  constructor(box, fill, choose) {
    Object.assign(this, { box, fill, choose, length: 0, current: -1, shown: new Map() });
    this.inner = box.firstElementChild;
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("click", (event) => {
      const line = event.target.closest("[data-number]");
      if (line) this.go(Number(line.dataset.number), "opened");
    });
    new ResizeObserver(() => this.draw()).observe(box);
  }

  set(length, current) {
    this.length = length;
    this.current = current;
    this.inner.style.height = `${length * LINE}px`;
    for (const line of this.shown.values()) line.remove();
    this.shown.clear();
    if (current >= 0) this.reveal();
    this.draw();
  }

  go(number, how) {
    if (!this.length) return;
    this.current = Math.max(0, Math.min(this.length - 1, number));
    this.reveal();
    this.draw();
    this.choose(this.current, how);
  }

  reveal() {
    const top = this.current * LINE;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + LINE > scrollTop + clientHeight) this.box.scrollTop = top + LINE - clientHeight;
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / LINE) - SPARE);
    const last = Math.min(this.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / LINE) + SPARE);
    for (const [number, line] of this.shown) {
      if (number < first || number >= last) {
        line.remove();
        this.shown.delete(number);
      }
    }
    for (let number = first; number < last; number += 1) {
      if (!this.shown.has(number)) {
        const line = document.createElement("div");
        line.className = "line";
        line.id = `line-${number}`;
        line.dataset.number = number;
        line.style.top = `${number * LINE}px`;
        line.setAttribute("role", "option");
        line.setAttribute("aria-setsize", this.length);
        line.setAttribute("aria-posinset", number + 1);
        this.fill(line, number);
        this.inner.append(line);
        this.shown.set(number, line);
      }
    }
    for (const [number, line] of this.shown) {
      line.setAttribute("aria-selected", String(number === this.current));
    }
    if (this.shown.has(this.current)) this.box.setAttribute("aria-activedescendant", `line-${this.current}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.box.clientHeight / LINE) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.length, End: this.length };
    if (event.key in moves) this.go(this.current + moves[event.key], "moved");
    else if (event.key === "Enter" || event.key === " ") this.go(this.current, "opened");
    else return;
    event.preventDefault();
  }
}
