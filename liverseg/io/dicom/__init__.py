"""Reading CT from DICOM, and writing results as DICOM objects that refer to the slices they were made from.

Reading: `file` reads one file, `series` reads one series among many files. Writing: `seg.seg_bytes` encodes
the labels as a DICOM Segmentation, `rtstruct.rtstruct_bytes` their contours as an RT Structure Set,
`sr.sr_bytes` the report as a Structured Report, and `sc.sc_bytes` pictures of the slices as Secondary
Captures. They quote the UIDs of the study, the series, the frame of reference and the images (see
`references`) and, but for the pixels of the pictures, nothing else of the input. The patient and study
attributes that the standard requires (type 2) are present and empty, so an archive that files by patient asks
for them.
"""
