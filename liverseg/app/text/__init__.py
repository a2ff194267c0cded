"""The words of the page in each of its languages, one JSON file a language; imports nothing of the page."""
