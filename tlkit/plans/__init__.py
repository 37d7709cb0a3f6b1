"""What to train and how: plans, and what they are once nothing is open."""
