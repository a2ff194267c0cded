"""The page's HTML, as pure functions of the state."""
