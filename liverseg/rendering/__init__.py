"""Pictures, planes, charts and meshes of a segmentation, as RGB arrays, SVG and triangle surfaces."""
