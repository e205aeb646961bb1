"""Pages as they are served: their heads, and the modules that they preload."""

from studio.pages import modules_of, with_preloads

MODULES = {
    "shop/main.js": 'import { a } from "./a.js";\nimport {\n  b,\n} from "../ui/b.js";\n',
    "shop/a.js": 'import "./side.js";\nexport { b } from "../ui/b.js";\n',
    "ui/b.js": 'export const from = "./no.js";\n// import { c } from "./c.js";\n',
}


def test_all_modules_of_a_program_are_named_once_by_their_address_from_the_page() -> None:
    assert modules_of("shop/main.js", MODULES.__getitem__) == ["shop/a.js", "ui/b.js"]
    page = '<head><script type="module" src="main.js"></script></head>'
    assert with_preloads(page, "shop", MODULES.__getitem__) == (
        '<head><link rel="modulepreload" href="a.js">\n<link rel="modulepreload" href="../ui/b.js">\n'
        '<script type="module" src="main.js"></script></head>'
    )
