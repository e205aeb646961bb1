"""How the files that the package ships are made; for maintainers, not installed."""
