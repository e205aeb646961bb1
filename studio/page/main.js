// The studio: opens the engine, holds the parts together, turns between wall and bench.

import { Artist } from "./artist.js";
import { show } from "./cards.js";
import { Children } from "./children.js";
import { codeIn, encode } from "./codes.js";
import { newest, the } from "./dom.js";
import { dragging } from "./drag.js";
import { connect } from "./engine.js";
import { Family } from "./family.js";
import { games } from "./game.js";
import { freshSeed, gaussian, latentOf } from "./genetics.js";
import { keys } from "./keys.js";
import { Mix } from "./mix.js";
import { openings } from "./opening.js";
import { pngOf } from "./png.js";
import { looksOf, nameOf } from "./portrait.js";
import { saveAs } from "./saving.js";
import { Story } from "./story.js";
import { Traits } from "./traits.js";
import { Tray } from "./tray.js";
import { copied, say, trouble } from "./voice.js";
import { Wall } from "./wall.js";

const TABS = ["children", "traits", "mix"];
const ASK_AGAIN_MS = 1000;

class Studio {
  story = new Story();
  #tab = "children";
  #sketch = null; // what a slider shows before it is let go
  #portraits = 0;
  #drawSketch = newest(async () => {
    try {
      if (this.#sketch) await this.#portray(this.#sketch);
    } catch (error) {
      trouble(error);
    }
  });
  #late; // the timer of an address that the browser has refused
  #change = "replaceState"; // how to bring it in: what is refused as a step stays one

  constructor(engine) {
    this.engine = engine;
    this.info = engine.info;
    this.artist = new Artist(engine);
    this.tray = new Tray(this);
    this.wall = new Wall(this);
    this.traits = new Traits(this);
    this.children = new Children(this);
    this.mix = new Mix(this);
    this.family = new Family(this);
    this.openings = openings(this);
    this.#listen();
    this.#mascot();
  }

  /** A character comes to the bench from elsewhere. */
  begin(latent, kind) {
    const fromWall = the("bench").hidden;
    this.story.begin(latent, kind);
    if (fromWall) the("main").focus({ preventScroll: true });
  }

  /** Show a character large without taking it; the next change or preview replaces it. */
  preview(latent) {
    this.#sketch = latent;
    this.#drawSketch();
  }

  /** A new character with the locked traits of this one. */
  reroll() {
    const { latent } = this.story.current;
    const stranger = gaussian(freshSeed(), latent.length).map((value) => value * this.wall.spread);
    this.story.goOn(this.traits.locked(latentOf(stranger, this.info.latent_bound), latent), "reroll");
    say(this.traits.anyLocked ? "Rerolled; what is locked stayed" : "Rerolled");
  }

  /** Turn to a panel: children, traits or mix. */
  turnTo(tab) {
    this.#tab = tab;
    for (const each of TABS) {
      the(`tab-${each}`).setAttribute("aria-selected", String(each === tab));
      the(`tab-${each}`).tabIndex = each === tab ? 0 : -1;
      the(`panel-${each}`).hidden = each !== tab;
    }
    if (this.story.current) this[tab].refresh();
  }

  #listen() {
    this.story.addEventListener("change", () => this.#follow());
    document.addEventListener("back", () => this.story.current && this.#paint());
    addEventListener("popstate", () => this.#fromAddress());
    the("home").addEventListener("click", () => this.#toWall(true));
    the("undo").addEventListener("click", () => this.story.undo());
    the("redo").addEventListener("click", () => this.story.redo());
    the("reroll").addEventListener("click", () => this.reroll());
    the("share").addEventListener("click", () => this.#share());
    the("save").addEventListener("click", () => this.#save());
    the("help").addEventListener("click", () => the("help-dialog").showModal());
    for (const tab of TABS) the(`tab-${tab}`).addEventListener("click", () => this.turnTo(tab));
    document.querySelector(".tabs").addEventListener("keydown", (event) => this.#tabKeys(event));
    the("about").textContent =
      `This one is ${this.info.model}. It has learned from ${this.info.trained_on}. ${this.info.licence}`;
    the("model").textContent = `Drawn by ${this.info.model}, which learned from ${this.info.trained_on}.`;
    games(this);
  }

  #tabKeys(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.turnTo(TABS.at((TABS.indexOf(this.#tab) + by) % TABS.length));
    the(`tab-${this.#tab}`).focus();
  }

  /** What an address says: a character, or the wall. */
  start() {
    this.#fromAddress();
    document.body.classList.add("ready");
  }

  #fromAddress() {
    const code = codeIn(location.hash);
    if (!code) {
      if (location.hash.length > 1) say("The address holds no whole share code.");
      return this.#toWall(false);
    }
    if (this.story.current && code === this.#code) return this.#toBench();
    const line = this.family.before(code);
    if (line) this.story.restore(line);
    else this.openings.take(() => code);
  }

  get #code() {
    return encode(this.info.hash, this.story.current.latent);
  }

  #toWall(goes) {
    the("wall").hidden = false;
    the("bench").hidden = true;
    if (goes) this.#address("pushState");
    document.title = "Character studio";
    this.#tools();
  }

  #toBench() {
    const fromWall = the("bench").hidden;
    if (fromWall) {
      the("wall").hidden = true;
      the("bench").hidden = false;
      scrollTo(0, 0);
    }
    this.#address(fromWall ? "pushState" : "replaceState");
    this.#tools();
  }

  /**
   * Bring the address to what is shown. A browser refuses what comes too often, as while a key is held on a slider:
   * after 100 changes in ten seconds Safari raises an error, after 200 Chromium does nothing without a word.
   */
  #address(change) {
    clearTimeout(this.#late);
    const hash = the("bench").hidden ? "" : `#${this.#code}`;
    if (change === "pushState") this.#change = change;
    try {
      if (location.hash !== hash) history[this.#change](null, "", hash || location.pathname);
    } catch (error) {
      if (error.name !== "SecurityError") throw error;
    }
    if (location.hash === hash) this.#change = "replaceState";
    else this.#late = setTimeout(() => this.#address(this.#change), ASK_AGAIN_MS);
  }

  #tools() {
    the("undo").disabled = the("bench").hidden || !this.story.canUndo;
    the("redo").disabled = the("bench").hidden || !this.story.canRedo;
  }

  #follow() {
    this.#toBench();
    this.tray.follow();
    this.#paint();
  }

  async #paint() {
    this.#sketch = null;
    try {
      await this.#portray(this.story.current.latent);
      the("heard").textContent = `${the("name").textContent}: ${the("looks").textContent}`;
      await this[this.#tab].refresh();
      await this.family.refresh();
    } catch (error) {
      trouble(error);
    }
  }

  async #portray(latent) {
    const turn = ++this.#portraits;
    const rgb = await this.artist.one(latent);
    if (turn !== this.#portraits) return;
    show(the("picture"), rgb, this.info.size_px);
    the("name").textContent = nameOf(latent);
    the("looks").textContent = looksOf(rgb, this.info.size_px);
    document.title = `${nameOf(latent)} · Character studio`;
    the("icon").href = the("picture").toDataURL();
  }

  async #mascot() {
    try {
      const latent = latentOf(
        gaussian(3, this.info.latent_dim).map((value) => value * 0.7),
        this.info.latent_bound,
      );
      const rgb = await this.artist.one(latent);
      show(the("mascot"), rgb, this.info.size_px);
      the("icon").href = the("mascot").toDataURL();
    } catch (error) {
      trouble(error);
    }
  }

  async #share() {
    const link = new URL(`#${this.#code}`, location).href;
    if (await copied(link))
      return say("Link copied. Whoever opens it in a studio with this model meets the same character.");
    this.openings.show();
    the("code").value = link;
    the("code").select();
    the("open-wrong").textContent = "This browser lets no page copy: take the link from the field.";
  }

  async #save() {
    const { latent } = this.story.current;
    try {
      const notes = { Software: "vgc", code: this.#code };
      const file = await pngOf(await this.artist.one(latent), this.info.size_px, notes);
      saveAs(file, `${nameOf(latent).toLowerCase()}.png`);
      say("Saved. The picture carries its code: drop it here to meet again.");
    } catch (error) {
      trouble(error);
    }
  }
}

async function open() {
  dragging();
  try {
    const studio = new Studio(await connect());
    keys();
    studio.start();
  } catch (error) {
    document.addEventListener("back", () => location.reload(), { once: true });
    the("alarm").textContent = error.message;
    trouble(error);
  }
}

open();
