"""Attention inside windows (LV-MSA, shifted: SLV-MSA) and over the whole grid (GV-MSA)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from train.models.nnformer.positions import GlobalBias, WindowBias
from train.models.nnformer.windows import Tiling, half_window, roll_grid


class Attention(nn.Module):
    """Multi-head attention of sets of tokens; queries may come from elsewhere than keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.width, self.heads, self.share = width, heads, width // heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def attend(self, target: Tensor, source: Tensor, bias: Tensor) -> Tensor:
        """(N, sets, tokens, C) twice to the same; `bias` goes on the scores (…, heads, tokens, tokens)."""
        key, value = self.key_value(source).chunk(2, dim=-1)
        query, key, value = (self._by_head(tokens) for tokens in (self.query(target), key, value))
        scores = (query * self.share**-0.5) @ key.transpose(-2, -1) + bias
        mixed = scores.softmax(dim=-1).to(value.dtype) @ value  # (N, sets, heads, tokens, c)
        return self.out(mixed.transpose(2, 3).flatten(3))

    def _by_head(self, tokens: Tensor) -> Tensor:
        """(N, sets, tokens, C) to (N, sets, heads, tokens, c)."""
        return tokens.unflatten(3, (self.heads, self.share)).transpose(2, 3)


class WindowAttention(Attention):
    """Attention inside non-overlapping windows, every other block's shifted by half a window.

    Grids that are no whole number of windows are padded; neither the padding nor what the shift
    brings round from the far side is attended to.
    """

    def __init__(self, width: int, heads: int, window: Sequence[int], shifted: bool = False) -> None:
        super().__init__(width, heads)
        self.shifted = shifted
        self.shift = half_window(window) if shifted else (0,) * len(window)
        self.bias = WindowBias(window, heads)

    def forward(self, target: Tensor, source: Tensor, tiling: Tiling | None) -> Tensor:
        """Queries from `target`, keys and values from `source`, both (N, *grid, C); so is the result."""
        bias, mask = self.bias(), tiling.shifted_mask if self.shifted else tiling.mask
        tokens = tiling.partition(roll_grid(tiling.pad(target), self.shift, -1))
        source_tokens = tokens
        if source is not target:
            source_tokens = tiling.partition(roll_grid(tiling.pad(source), self.shift, -1))
        mixed = self.attend(tokens, source_tokens, bias if mask is None else bias + mask)
        return tiling.crop(roll_grid(tiling.merge(mixed), self.shift, 1))


class GlobalAttention(Attention):
    """Attention of every token to every other one, whatever the size of the grid."""

    def __init__(self, width: int, heads: int, reach: Sequence[int]) -> None:
        super().__init__(width, heads)
        self.bias = GlobalBias(reach, heads)

    def forward(self, target: Tensor, source: Tensor, tiling: Tiling | None) -> Tensor:
        """As `WindowAttention`; there are no windows, so no tiling."""
        tokens = self.attend(
            target.flatten(1, -2)[:, None], source.flatten(1, -2)[:, None], self.bias(target)
        )
        return tokens.reshape(target.shape)
