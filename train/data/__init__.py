"""Training data: dataset folders, their slices in memory or packed, folds, and the conversion of scans."""
