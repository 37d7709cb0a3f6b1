"""Three tests of whether heat maps are true."""
