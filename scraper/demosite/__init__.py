"""The built-in site: 1,500 CC0 characters behind the addresses and markup of the Game Art HQ database."""
