"""Where early and middle stages of the known trunks end, as --freeze and --layer_rate name them."""

from __future__ import annotations

# Beginning of the trunk's name, in small letters -> (end of the early stages, end of the middle ones). The first that
# fits counts; a number is so many layers with kernels.
_STAGES: tuple[tuple[str, str, str], ...] = (
    ("resnet", "conv2", "conv4"),
    ("densenet", "conv2", "conv4"),
    ("vgg", "block2", "block4"),
    ("mobilenetv2", "block_5", "block_12"),
    ("efficientnet", "block3", "block5"),
    ("preact_resnet", "stage1", "stage2"),
    ("plain5", "2", "4"),
    ("xception", "block4", "block12"),
    ("convnext", "9", "30"),
    ("", "4", "8"),
)


def early_stage(trunk: str) -> str:
    """The end of the stages that answer to edges and textures."""
    return _stages(trunk)[0]


def middle_stage(trunk: str) -> str:
    """The end of the middle stages; after it come those that answer to whole objects."""
    return _stages(trunk)[1]


def _stages(trunk: str) -> tuple[str, str]:
    name = trunk.strip().lower()
    return next((early, middle) for prefix, early, middle in _STAGES if name.startswith(prefix))
