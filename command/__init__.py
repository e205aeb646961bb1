"""What the commands of `cli` have in common: how a function becomes one, their options, what they print."""
