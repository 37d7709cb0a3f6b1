"""From a resolved plan and data to a finished run."""
