"""Components of the page, and what each event does."""
