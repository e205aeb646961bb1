"""Every architecture, its layer table and its diagram."""
