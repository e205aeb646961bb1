"""From ``Data/raw`` to ``Data/train_data``: any picture to a clean square, or a reason why not."""
