"""From labels to numbers: measures, lesions, comparisons, plausibility checks. Arrays in, values out."""
