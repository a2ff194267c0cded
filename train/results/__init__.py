"""The results page `train/RESULTS.md`: all scores with protocol, n and comparable published results."""
