// The studio: opens the engine, holds the views together, turns between wall and bench.

import { connect } from "./engine/engine.js";
import { nameOf } from "./model/describe.js";
import { EditHistory } from "./model/history.js";
import { ImageCache } from "./model/image_cache.js";
import { quantise } from "./model/latents.js";
import { encodePng } from "./model/png.js";
import { gaussian, randomSeed } from "./model/random.js";
import { encode, findCode } from "./model/share_codes.js";
import { text } from "./messages/text.js";
import { Address } from "./ui/address.js";
import { byId } from "./ui/dom.js";
import { download } from "./ui/download.js";
import { enableDragging } from "./ui/drag.js";
import { enableGround } from "./ui/ground.js";
import { announce, copyText, reportError } from "./ui/messages.js";
import { stayInSight } from "./ui/sticky.js";
import { Children } from "./views/children.js";
import { Import } from "./views/import.js";
import { Lineage } from "./views/lineage.js";
import { Mix } from "./views/mix.js";
import { Portrait } from "./views/portrait.js";
import { showProvenance } from "./views/provenance.js";
import { enableShortcuts } from "./views/shortcuts.js";
import { enableSpriteExport } from "./views/sprite_export.js";
import { Traits } from "./views/traits.js";
import { Tray } from "./views/tray.js";
import { Wall } from "./views/wall.js";

const TABS = ["children", "traits", "mix"];

class Studio {
  history = new EditHistory();
  #tab = "children";
  #address = new Address(() => (byId("bench").hidden ? "" : `#${this.#code}`));

  constructor(engine) {
    this.engine = engine;
    this.info = engine.info;
    this.images = new ImageCache(engine);
    this.tray = new Tray(this);
    this.wall = new Wall(this);
    this.traits = new Traits(this);
    this.children = new Children(this);
    this.mix = new Mix(this);
    this.lineage = new Lineage(this);
    this.import = new Import(this);
    this.#listen();
    this.portrait = new Portrait(this);
  }

  /** A character comes to the bench from elsewhere. */
  begin(latent, kind) {
    const fromWall = byId("bench").hidden;
    this.history.start(latent, kind);
    if (fromWall) byId("main").focus({ preventScroll: true });
  }

  /** A new character with the locked traits of this one. */
  reroll() {
    const { latent } = this.history.current;
    const stranger = gaussian(randomSeed(), latent.length).map((value) => value * this.wall.truncation);
    this.history.push(this.traits.withLocked(quantise(stranger, this.info.latent_bound), latent), "reroll");
    announce(text(this.traits.anyLocked ? "portrait.rerolled-rest" : "portrait.rerolled"));
  }

  /** Turn to a panel: children, traits or mix. */
  turnTo(tab) {
    this.#tab = tab;
    for (const each of TABS) {
      byId(`tab-${each}`).setAttribute("aria-selected", String(each === tab));
      byId(`tab-${each}`).tabIndex = each === tab ? 0 : -1;
      byId(`panel-${each}`).hidden = each !== tab;
    }
    if (this.history.current) this[tab].refresh();
  }

  /** What the address says: a character, or the wall. */
  start() {
    this.#followAddress();
    document.body.classList.add("ready");
  }

  #listen() {
    this.history.addEventListener("change", () => this.#showCurrent());
    document.addEventListener("engine-back", () => this.history.current && this.#refresh());
    addEventListener("popstate", () => this.#followAddress());
    for (const id of ["home", "to-wall"]) byId(id).addEventListener("click", () => this.#toWall(true));
    byId("undo").addEventListener("click", () => this.history.undo());
    byId("redo").addEventListener("click", () => this.history.redo());
    byId("reroll").addEventListener("click", () => this.reroll());
    byId("share").addEventListener("click", () => this.#share());
    byId("save").addEventListener("click", () => this.#save());
    byId("help").addEventListener("click", () => byId("help-dialog").showModal());
    for (const tab of TABS) byId(`tab-${tab}`).addEventListener("click", () => this.turnTo(tab));
    document.querySelector(".tabs").addEventListener("keydown", (event) => this.#onTabKey(event));
    showProvenance(this.info);
    enableSpriteExport(this);
    for (const column of document.querySelectorAll(".intro, .stage")) stayInSight(column);
  }

  #onTabKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.turnTo(TABS.at((TABS.indexOf(this.#tab) + by) % TABS.length));
    byId(`tab-${this.#tab}`).focus();
  }

  get #code() {
    return encode(this.info.hash, this.history.current.latent);
  }

  #followAddress() {
    const code = findCode(location.hash);
    if (!code) {
      if (location.hash.length > 1) announce(text("code.not-in-address"));
      return this.#toWall(false);
    }
    if (this.history.current && code === this.#code) return this.#toBench();
    const nodes = this.lineage.stored(code);
    if (nodes) return this.history.restore(nodes);
    this.#updateTools(); // it may be another model's, and the page stays where it is
    this.import.take(() => code);
  }

  #toWall(goes) {
    byId("wall").hidden = false;
    byId("bench").hidden = true;
    if (goes) this.#address.update("pushState");
    document.title = text("title");
    this.#updateTools();
  }

  #toBench() {
    const fromWall = byId("bench").hidden;
    if (fromWall) {
      byId("wall").hidden = true;
      byId("bench").hidden = false;
      scrollTo(0, 0);
    }
    this.#address.update(fromWall ? "pushState" : "replaceState");
    this.#updateTools();
  }

  #updateTools() {
    byId("to-wall").hidden = byId("bench").hidden;
    byId("workshop").hidden = !this.info.workshop || !byId("bench").hidden;
    byId("undo").disabled = byId("bench").hidden || !this.history.canUndo;
    byId("redo").disabled = byId("bench").hidden || !this.history.canRedo;
  }

  #showCurrent() {
    this.#toBench();
    this.tray.updateButton();
    this.#refresh();
  }

  async #refresh() {
    try {
      await this.portrait.refresh();
      await this[this.#tab].refresh();
      await this.lineage.refresh();
    } catch (error) {
      reportError(error);
    }
  }

  async #share() {
    const link = new URL(`#${this.#code}`, location).href;
    if (await copyText(link))
      return announce(text("portrait.shared"));
    this.import.open(link, text("portrait.not-copied"));
  }

  async #save() {
    const { latent } = this.history.current;
    try {
      const texts = { Software: "vgc", code: this.#code };
      const file = await encodePng(await this.images.drawOne(latent), this.info.size_px, texts);
      download(file, `${nameOf(latent).toLowerCase()}.png`);
      announce(text("portrait.saved"));
    } catch (error) {
      reportError(error);
    }
  }
}

async function open() {
  document.documentElement.dataset.loaded = "yes"; // for load_check.js
  enableDragging();
  try {
    const engine = await connect();
    enableGround(engine.info);
    const studio = new Studio(engine);
    enableShortcuts();
    studio.start();
  } catch (error) {
    document.addEventListener("engine-back", () => location.reload(), { once: true });
    byId("alert").textContent = error.message;
    reportError(error);
  }
}

open();
