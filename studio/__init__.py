"""The character creator: a page where people breed characters, and pictures a game can use."""
