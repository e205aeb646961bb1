"""How the files that the package ships are made, and its dependencies checked; for maintainers, not installed."""
