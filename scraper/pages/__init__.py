"""What pages and images hold: sites, HTML, image files."""
