"""From the web to ``Data/raw``: polite fetching, the site's pages, the journal, the crawl."""
