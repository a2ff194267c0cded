"""Results as DICOM objects that lie on the slices of the DICOM series they were made from.

`seg.seg_bytes` is the labels as a DICOM Segmentation, `rtstruct.rtstruct_bytes` the contours as an RT
Structure Set. Both quote the study, the series, the frame of reference and the images
(`dicom.references`), and nothing else of the input: what the standard wants of patient and study beyond
that is present and empty, so a system that files by patient asks whose they are.
"""
