"""The network: which addresses may be contacted, bounded requests, polite fetching."""
