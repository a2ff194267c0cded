"""Attention inside windows (the paper's LV-MSA and, shifted, SLV-MSA) and over the grid (GV-MSA)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from train.models.nnformer.positions import GlobalBias, WindowBias
from train.models.nnformer.windows import Tiling, half_window, roll_grid


class Attention(nn.Module):
    """Multi-head attention inside sets of tokens, with queries and keys from the same or different grids."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.width, self.heads, self.head_width = width, heads, width // heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def attend(self, target: Tensor, source: Tensor, bias: Tensor) -> Tensor:
        """Attention of queries from `target` to keys and values from `source`.

        Both and the result are (N, sets, tokens, C); `bias` is added to the scores and broadcasts to
        (N, sets, heads, tokens, tokens).
        """
        key, value = self.key_value(source).chunk(2, dim=-1)
        query, key, value = (self._by_head(tokens) for tokens in (self.query(target), key, value))
        scores = (query * self.head_width**-0.5) @ key.transpose(-2, -1) + bias
        mixed = scores.softmax(dim=-1).to(value.dtype) @ value  # (N, sets, heads, tokens, c)
        return self.out(mixed.transpose(2, 3).flatten(3))

    def _by_head(self, tokens: Tensor) -> Tensor:
        """(N, sets, tokens, C) to (N, sets, heads, tokens, c)."""
        return tokens.unflatten(3, (self.heads, self.head_width)).transpose(2, 3)


class WindowAttention(Attention):
    """Attention inside non-overlapping windows, optionally shifted by half a window.

    Grids are padded to whole windows. Tokens attend neither to the padding nor to tokens that the shift
    wraps around from the other side.
    """

    def __init__(self, width: int, heads: int, window: Sequence[int], shifted: bool = False) -> None:
        super().__init__(width, heads)
        self.shifted = shifted
        self.shift = half_window(window) if shifted else (0,) * len(window)
        self.bias = WindowBias(window, heads)

    def forward(self, target: Tensor, source: Tensor, tiling: Tiling | None) -> Tensor:
        """Queries from `target`, keys and values from `source`; these and the result are (N, *grid, C)."""
        bias, mask = self.bias(), tiling.shifted_mask if self.shifted else tiling.mask
        tokens = tiling.partition(roll_grid(tiling.pad(target), self.shift, -1))
        source_tokens = tokens
        if source is not target:
            source_tokens = tiling.partition(roll_grid(tiling.pad(source), self.shift, -1))
        mixed = self.attend(tokens, source_tokens, bias if mask is None else bias + mask)
        return tiling.crop(roll_grid(tiling.merge(mixed), self.shift, 1))


class GlobalAttention(Attention):
    """Attention of every token to every token of the grid, for any grid size."""

    def __init__(self, width: int, heads: int, reach: Sequence[int]) -> None:
        super().__init__(width, heads)
        self.bias = GlobalBias(reach, heads)

    def forward(self, target: Tensor, source: Tensor, tiling: Tiling | None) -> Tensor:
        """As `WindowAttention.forward`; `tiling` is not used."""
        tokens = self.attend(
            target.flatten(1, -2)[:, None], source.flatten(1, -2)[:, None], self.bias(target)
        )
        return tokens.reshape(target.shape)
