// For a game: which characters, how many colours, which size; the engine makes the zip.

import { newest, the } from "./dom.js";
import { nameOf } from "./portrait.js";
import { saveAs } from "./saving.js";
import { trouble } from "./voice.js";
import { firstFile } from "./zip.js";

/** Listen for the button and the dialog of "For a game"; without an engine that makes zips, there is neither. */
export function games(studio) {
  the("game").hidden = !studio.engine.sprites;
  if (!studio.engine.sprites) return;
  const form = the("game-form");
  const most = studio.info.most_pictures;

  const whom = () => {
    if (form.whom.value === "this") return [studio.story.current.latent];
    return studio.tray.latents.slice(0, most);
  };

  const wanted = async () => {
    const given = form.colours.value === "given";
    const colours = given
      ? { palette: await form.palette.files[0].text() }
      : { colours: Number(form.colours.value) };
    return {
      latents: whom().map((latent) => Array.from(latent)),
      ...colours,
      sprite_px: Number(form.side.value) || null,
      upscale: Number(form.upscale.value),
      extrude_px: Number(form.extrude.value),
    };
  };

  const preview = newest(async () => {
    if (!form.checkValidity()) return; // a palette is wanted, but no file is chosen yet
    the("game-wrong").textContent = "";
    try {
      const sprite = await createImageBitmap(
        await firstFile(await studio.engine.sprites({ ...(await wanted()), upscale: 1 })),
      );
      Object.assign(the("game-preview"), { width: sprite.width, height: sprite.height });
      the("game-preview").getContext("2d").drawImage(sprite, 0, 0);
    } catch (error) {
      wrong(error);
    }
  });

  const wrong = (error) => {
    if (!error.gone) return (the("game-wrong").textContent = error.message);
    the("game-dialog").close();
    trouble(error);
  };

  const follow = () => {
    const given = form.colours.value === "given";
    the("game-palette").hidden = !given;
    form.palette.required = given;
    const side = (Number(form.side.value) || studio.info.size_px) * Number(form.upscale.value);
    the("game-size").textContent = `Each picture will be ${side} × ${side} pixels.`;
  };

  const open = () => {
    const kept = Math.min(studio.tray.latents.length, most);
    the("game-this").textContent = `${nameOf(studio.story.current.latent)} alone`;
    the("game-kept").textContent = `All ${kept} kept ones, and an animation`;
    the("game-kept").parentElement.hidden = kept < 2;
    if (kept < 2) form.whom.value = "this";
    follow();
    the("game-dialog").showModal();
    preview();
  };

  const make = async () => {
    the("game-wrong").textContent = "";
    the("game-go").disabled = true;
    try {
      const request = await wanted();
      const name = request.latents.length === 1 ? nameOf(whom()[0]).toLowerCase() : "characters";
      saveAs(await studio.engine.sprites(request), `${name}.zip`);
      the("game-dialog").close();
    } catch (error) {
      wrong(error);
    } finally {
      the("game-go").disabled = false;
    }
  };

  for (const select of form.querySelectorAll("select[data-sides] option")) {
    select.hidden = select.disabled = Number(select.value) >= studio.info.size_px;
  }
  the("game").addEventListener("click", open);
  the("game-cancel").addEventListener("click", () => the("game-dialog").close());
  form.addEventListener("change", () => {
    follow();
    preview();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    make();
  });
}
