"""When not to believe a result: what an input looks like beside slices that liverseg is made for (pure)."""
