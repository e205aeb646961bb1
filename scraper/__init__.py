"""From the web to ``Data/raw``: polite fetching, the site's pages, the manifest, the crawl."""
