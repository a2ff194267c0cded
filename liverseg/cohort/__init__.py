"""Cohorts: thousands of scans, segmented once each on a Ray cluster and summarised in tables and a page.

`discover` finds the scans of a source, `worker_pool` runs them on the actors of `worker`, and `result_store`
keeps one record per input. `tables` and `summary_page` are written from the stored results. `run` calls them
all. Needs the extra `cohort`.
"""
