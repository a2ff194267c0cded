"""Plain computations of attention and relative position bias, as references for the tests of nnFormer."""

import itertools

import torch
from torch import nn

from train.models.nnformer.attention import Attention


def randomised(module: nn.Module) -> nn.Module:
    """Add noise to every parameter, including norms and tables; returns the module in evaluation mode."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module.eval()


def plain_attention(
    attention: Attention, target: torch.Tensor, source: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """Attention by `nn.MultiheadAttention` with the same weights.

    `target` and `source` are (tokens, C), `bias` is (heads, tokens, tokens).
    """
    width = target.shape[-1]
    reference = nn.MultiheadAttention(width, attention.heads, batch_first=True).eval()
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([attention.query.weight, attention.key_value.weight]))
        reference.in_proj_bias.copy_(torch.cat([attention.query.bias, attention.key_value.bias]))
        reference.out_proj.load_state_dict(attention.out.state_dict())
        return reference(target[None], source[None], source[None], attn_mask=bias, need_weights=False)[0][0]


def relative_bias(table: torch.Tensor, positions: torch.Tensor, reach: tuple[int, ...]) -> torch.Tensor:
    """(heads, tokens, tokens): the table entry for each pair's offset, clipped at `reach`."""
    grid = table.reshape(*(2 * r + 1 for r in reach), -1)
    bias = torch.empty(table.shape[1], len(positions), len(positions))
    for i, j in itertools.product(range(len(positions)), repeat=2):
        offset = [
            max(-r, min(r, int(d))) + r for d, r in zip(positions[i] - positions[j], reach, strict=True)
        ]
        bias[:, i, j] = grid[tuple(offset)]
    return bias


def positions_in(sizes: tuple[int, ...]) -> torch.Tensor:
    """(tokens, axes): the positions of all tokens of a grid."""
    return torch.tensor(list(itertools.product(*map(range, sizes))))
