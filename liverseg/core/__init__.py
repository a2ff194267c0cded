"""CT images, windows, labels, geometry and connected components. Imports only numpy and OpenCV."""
