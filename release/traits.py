"""``python -m release.traits``: measure the generators that come with vgc anew, for the sliders of the studio."""

from gan.runs.model_files import PRETRAINED, pretrained_model
from studio.directions import KNOWN, find_traits, write_traits
from studio.engine_loader import load_engine


def main() -> None:
    """Write the traits of every generator that comes with vgc."""
    traits = {}
    for name in PRETRAINED:
        engine = load_engine(pretrained_model(name))
        found = traits[engine.info.hash] = find_traits(engine)
        print(name, ", ".join(f"{each.name} {each.correlation:.2f}" for each in found))
    write_traits(KNOWN, traits)


if __name__ == "__main__":
    main()
