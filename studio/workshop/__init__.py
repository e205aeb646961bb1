"""The workshop: sets of pictures looked through and put right in the browser."""
