"""The names of the labels of a NIfTI mask, from the label table that TotalSegmentator and Workbench write.

The table is the XML of a CaretExtension, in a header extension of NIfTI-1.
"""

from __future__ import annotations

import re
from html import unescape

from liverseg.io.volume.voxels import NamedLabel

_LABEL = re.compile(
    r'<Label\s[^<>]{0,400}?Key="(\d{1,9})"[^<>]{0,400}>\s{0,9}(?:<!\[CDATA\[([^\]]{0,400})\]\]>|([^<]{0,400}))\s{0,9}</Label>'
)


def label_names(extension: bytes) -> tuple[NamedLabel, ...]:
    """The labels in the bytes between the header and the image; none where there is no label table.

    >>> label_names(b'<LabelTable><Label Key="5" Red="1"><![CDATA[liver]]></Label></LabelTable>')
    (NamedLabel(value=5, name='liver', layer=0),)
    """
    if b"<LabelTable>" not in extension:
        return ()
    text = extension.decode("utf-8", "replace")
    return tuple(
        NamedLabel(int(key), (cdata or unescape(plain)).strip()) for key, cdata, plain in _LABEL.findall(text)
    )
