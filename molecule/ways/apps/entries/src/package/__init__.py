"""Found below `src`."""
