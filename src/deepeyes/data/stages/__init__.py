"""The stages of curation, each a pure function on items, in the file of its name in recipes and funnel."""
