"use strict";
// Where entries come from: this file itself, or the server that it came from. Both answer the same questions:
// index(), entry(place), raw(place), find(query) -> places, image(name) -> address. All of them throw an Error
// whose message is for people.

const blob = (name) => document.getElementById(name)?.textContent;

const embedded = {
  async index() {
    this.list = JSON.parse(blob("index"));
    return this.list;
  },
  async entry(place) {
    return JSON.parse(blob(`e${place}`));
  },
  async raw(place) {
    return JSON.parse(blob(`t${place}`));
  },
  async find(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const places = [];
    this.list.words.forEach((text, place) => {
      if (words.every((word) => text.includes(word))) places.push(place);
    });
    return places;
  },
  async image(name) {
    // The same image of two runs is in the file once, without the number of its store.
    const data = blob(`i${name.slice(name.indexOf("/") + 1)}`);
    if (!data) throw new Error("this image is not in the page");
    return `data:image/webp;base64,${data}`;
  },
};

const served = {
  kept: new Map(),
  token: "",
  async ask(path) {
    const headers = this.token ? { authorization: `Bearer ${this.token}` } : {};
    let answer;
    try {
      answer = await fetch(path, { headers });
    } catch {
      throw new Error("the server does not answer: is deepeyes view still running?");
    }
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    throw new Error(told.error ?? `the server answers ${answer.status}`);
  },
  async index() {
    // A token comes once, behind the #, which browsers send to nobody, and is then kept for this tab.
    const given = /^#token=(.+)$/.exec(location.hash);
    if (given) {
      sessionStorage.setItem("token", decodeURIComponent(given[1]));
      history.replaceState(null, "", location.pathname);
    }
    this.token = sessionStorage.getItem("token") ?? "";
    this.list = await (await this.ask("index")).json();
    return this.list;
  },
  key(place) {
    return encodeURIComponent(this.list.key[place]);
  },
  async entry(place) {
    return (await this.ask(`entry?key=${this.key(place)}`)).json();
  },
  async raw(place) {
    return (await this.ask(`raw?key=${this.key(place)}`)).text();
  },
  async find(query) {
    return (await this.ask(`find?q=${encodeURIComponent(query)}`)).json();
  },
  async image(name) {
    let address = this.kept.get(name);
    this.kept.delete(name);
    address ??= URL.createObjectURL(await (await this.ask(`image/${name}`)).blob());
    this.kept.set(name, address);
    if (this.kept.size > 300) {
      const [oldest, unused] = this.kept.entries().next().value;
      this.kept.delete(oldest);
      URL.revokeObjectURL(unused);
    }
    return address;
  },
};

const source = "served" in document.body.dataset ? served : embedded;
