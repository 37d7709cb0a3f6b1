"""Plans: what to train and how, open or with every setting filled in."""
