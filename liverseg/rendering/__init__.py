"""Pictures, planes, charts and meshes of a segmentation: arrays in, RGB, SVG or surfaces out."""
