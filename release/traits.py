"""``python -m release.traits``: measure the generators that come with vgc anew, for the sliders of the studio."""

import json

from gan.runs.model_files import PRETRAINED, pretrained_model
from kit.atomic import write_bytes
from studio.directions import KNOWN, find_traits
from studio.engine_loader import load_engine

DIGITS = 4


def main() -> None:
    """Write the traits of every generator that comes with vgc."""
    traits = {}
    for name in PRETRAINED:
        engine = load_engine(pretrained_model(name))
        traits[engine.info.hash] = [
            {
                "name": each.name,
                "vector": [round(float(value), DIGITS) for value in each.vector],
                "correlation": round(each.correlation, 2),
            }
            for each in find_traits(engine)
        ]
        print(name, ", ".join(f"{each['name']} {each['correlation']}" for each in traits[engine.info.hash]))
    write_bytes(KNOWN, (json.dumps(traits, sort_keys=True) + "\n").encode())


if __name__ == "__main__":
    main()
