"""A transformer's tokens kept in the memory order of its grids, so that nothing is copied in between.

A SegFormer's tokens (N, H * W, C) and a grid in channels-last order (N, H, W, C) are the same numbers in the
same places. Its program says it the long way: transpose to (N, C, H * W), then cut to (N, C, H, W), and back.
OpenVINO's convolutions take channels last, so each of these is copied twice: a third of the time of B0 on a
processor with AVX2. Here the two steps change places, cut first, then permute, which OpenVINO sees to be
nothing at all. The same for GELU, which then belongs to the convolution before it. The numbers stay the same.
"""

from __future__ import annotations

import numpy as np
import openvino
from openvino import opset13 as operators

_TO_TOKENS = [0, 2, 1]


def tokens_as_grids(model: openvino.Model) -> int:
    """Change the order in place, wherever it is found; returns how often it was."""
    changed = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Reshape":
            changed += _to_grid(node)
        elif node.get_type_name() == "Transpose":
            changed += _to_tokens(node)
    if changed:
        model.validate_nodes_and_infer_types()
    return changed


def _to_grid(reshape: openvino.Node) -> bool:
    """(N, L, C) transposed, then reshaped to (N, C, H, W): reshaped to (N, H, W, C), then transposed."""
    transpose = reshape.input_value(0).get_node()
    if _rank(reshape.output(0)) != 4 or not _swaps_tokens(transpose) or _keeps_by_zero(reshape):
        return False
    tokens, shape = transpose.input_value(0), reshape.input_value(1)
    turned = operators.gather(shape, np.int64([0, 2, 3, 1]), np.int64(0))
    grid = operators.transpose(operators.reshape(tokens, turned, special_zero=False), np.int64([0, 3, 1, 2]))
    _replace(reshape.output(0), grid.output(0))
    return True


def _to_tokens(transpose: openvino.Node) -> bool:
    """(N, C, H, W) reshaped to (N, C, L), then transposed: transposed to (N, H, W, C), then reshaped."""
    reshape = transpose.input_value(0).get_node()
    if not _swaps_tokens(transpose) or reshape.get_type_name() != "Reshape":
        return False
    grid = reshape.input_value(0)
    shape = grid.get_partial_shape()
    channels = shape[1] if _rank(grid) == 4 else None
    if channels is None or channels.is_dynamic or reshape.get_output_partial_shape(0)[1] != channels:
        return False
    last, activation = transpose.output(0), _only_consumer(transpose.output(0))
    if activation is not None and activation.get_type_name() == "Gelu":
        mode = activation.get_attributes()["approximation_mode"]
        grid, last = operators.gelu(grid, mode).output(0), activation.output(0)
    turned = operators.transpose(grid, np.int64([0, 2, 3, 1]))
    tokens = operators.reshape(turned, np.int64([0, -1, channels.get_length()]), special_zero=True)
    _replace(last, tokens.output(0))
    return True


def _swaps_tokens(node: openvino.Node) -> bool:
    return node.get_type_name() == "Transpose" and _constant(node.input_value(1)) == _TO_TOKENS


def _keeps_by_zero(reshape: openvino.Node) -> bool:
    """Whether the shape may hold zeros that stand for the input's own sides: they cannot be moved."""
    if not reshape.get_attributes()["special_zero"]:
        return False
    values = _constant(reshape.input_value(1))
    return values is None or 0 in values


def _constant(output: openvino.Output) -> list[int] | None:
    node = output.get_node()
    return node.get_data().ravel().tolist() if node.get_type_name() == "Constant" else None


def _rank(output: openvino.Output) -> int | None:
    rank = output.get_partial_shape().rank
    return None if rank.is_dynamic else rank.get_length()


def _only_consumer(output: openvino.Output) -> openvino.Node | None:
    consumers = list(output.get_target_inputs())
    return consumers[0].get_node() if len(consumers) == 1 else None


def _replace(old: openvino.Output, new: openvino.Output) -> None:
    for consumer in list(old.get_target_inputs()):
        consumer.replace_source_output(new)
