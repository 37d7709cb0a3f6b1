"""The store: results computed once, found again by what determines them."""
