"""How good generated images are: features, metrics, nearest neighbours."""
