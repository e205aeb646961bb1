// The page's words, before its program: what stands on it does not jump when they come.

import { translate } from "./text.js";

translate();
document.body.classList.add("translated");
