"""A table of the conv bases, and of the blocks at which each can be cut.

Nothing is built here, so the table can be read without importing Keras. Block
names and first layers are those of the graphs in `keras.applications` and of
`tlkit.models.minivgg`; the tests compare the table with the graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
"""The dtype policies in which a model can compute."""

POOLINGS = ("flatten", "average", "max")
"""The operations that turn a feature map into a vector."""

PRECISIONS = ("auto", *POLICIES)
"""What a plan may ask for: a policy, or "auto", which suits the machine."""


@dataclass(frozen=True)
class ConvBaseSpec:
    """One conv base and how to use it.

    Attributes:
        name: Name of the base in Python and on the command line.
        module: Module of `keras.applications` that holds its
            `preprocess_input`; for MiniVGG a module of `tlkit.models`.
        builder: Name of the function that builds it.
        image_size: Default side in pixels: the size at which it was trained
            or, for the VGG networks, the 150 of "Deep Learning with Python".
        smallest_size: Smallest side in pixels for which it is made.
        pooling: Pooling that a head on it uses by default.
        blocks: Pairs of a block's name and its first layer's name, from
            input to output.
        fine_tune_from: Block from which fine-tuning trains by default. It
            begins the last stage, which runs at the lowest resolution.
        paper: The publication of the network.
        alphas: Width multipliers in which it comes.
        published: Name of the weights with which it comes.
        fine_tuning_rate: Learning rate of fine-tuning by default. It is so
            low that what the base knows is adjusted, not overwritten.
        fast_in_bfloat16: Whether a CPU with AMX runs it faster in bfloat16.
            Depthwise convolutions and concatenations do not become faster.
    """

    name: str
    module: str
    builder: str
    image_size: int
    smallest_size: int
    pooling: str
    blocks: tuple[tuple[str, str], ...]
    fine_tune_from: str
    paper: str
    alphas: tuple[float, ...] = (1.0,)
    published: str = "imagenet"
    fine_tuning_rate: float = 1e-5
    fast_in_bfloat16: bool = True


def _vgg(name: str) -> ConvBaseSpec:
    return ConvBaseSpec(
        name=name,
        module=name,
        builder=name.upper(),
        image_size=150,
        smallest_size=32,
        pooling="flatten",
        blocks=tuple((f"block{k}", f"block{k}_conv1") for k in range(1, 6)),
        fine_tune_from="block5",
        paper="Simonyan and Zisserman, Very Deep Convolutional Networks for "
        "Large-Scale Image Recognition, arXiv:1409.1556",
    )


RESNET50V2 = ConvBaseSpec(
    name="resnet50v2",
    module="resnet_v2",
    builder="ResNet50V2",
    image_size=224,
    smallest_size=32,
    pooling="average",
    blocks=(
        ("conv1", "conv1_pad"),
        *((f"conv{k}", f"conv{k}_block1_preact_bn") for k in range(2, 6)),
    ),
    fine_tune_from="conv5",
    paper="He et al., Identity Mappings in Deep Residual Networks, "
    "arXiv:1603.05027",
)

MOBILENET = ConvBaseSpec(
    name="mobilenet",
    module="mobilenet",
    builder="MobileNet",
    image_size=224,
    smallest_size=32,
    pooling="average",
    blocks=(
        ("conv1", "conv1"),
        *((f"conv_dw_{k}", f"conv_dw_{k}") for k in range(1, 14)),
    ),
    fine_tune_from="conv_dw_12",
    paper="Howard et al., MobileNets: Efficient Convolutional Neural Networks "
    "for Mobile Vision Applications, arXiv:1704.04861",
    alphas=(0.25, 0.5, 0.75, 1.0),
    fast_in_bfloat16=False,
)

MOBILENET_V2 = ConvBaseSpec(
    name="mobilenet_v2",
    module="mobilenet_v2",
    builder="MobileNetV2",
    image_size=224,
    smallest_size=32,
    pooling="average",
    blocks=(
        ("Conv1", "Conv1"),
        ("expanded_conv", "expanded_conv_depthwise"),
        *((f"block_{k}", f"block_{k}_expand") for k in range(1, 17)),
        ("Conv_1", "Conv_1"),
    ),
    fine_tune_from="block_13",
    paper="Sandler et al., MobileNetV2: Inverted Residuals and Linear "
    "Bottlenecks, arXiv:1801.04381",
    alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    fast_in_bfloat16=False,
)

DENSENET121 = ConvBaseSpec(
    name="densenet121",
    module="densenet",
    builder="DenseNet121",
    image_size=224,
    smallest_size=32,
    pooling="average",
    blocks=(
        ("conv1", "conv1_conv"),
        *((f"conv{k}", f"conv{k}_block1_0_bn") for k in range(2, 6)),
    ),
    fine_tune_from="conv5",
    paper="Huang et al., Densely Connected Convolutional Networks, "
    "arXiv:1608.06993",
    fast_in_bfloat16=False,
)

XCEPTION = ConvBaseSpec(
    name="xception",
    module="xception",
    builder="Xception",
    image_size=299,
    smallest_size=71,
    pooling="average",
    blocks=(
        ("block1", "block1_conv1"),
        ("block2", "block2_sepconv1"),
        *((f"block{k}", f"block{k}_sepconv1_act") for k in range(3, 14)),
        ("block14", "block14_sepconv1"),
    ),
    fine_tune_from="block13",
    paper="Chollet, Xception: Deep Learning with Depthwise Separable "
    "Convolutions, arXiv:1610.02357",
)

EFFICIENTNETV2B0 = ConvBaseSpec(
    name="efficientnetv2b0",
    module="efficientnet_v2",
    builder="EfficientNetV2B0",
    image_size=224,
    smallest_size=32,
    pooling="average",
    blocks=(
        ("stem", "stem_conv"),
        ("block1a", "block1a_project_conv"),
        *(
            (f"block{stage}{copy}", f"block{stage}{copy}_expand_conv")
            for stage, copies in enumerate(
                ("ab", "ab", "abc", "abcde", "abcdefgh"), start=2
            )
            for copy in copies
        ),
        ("top", "top_conv"),
    ),
    fine_tune_from="block6a",
    paper="Tan and Le, EfficientNetV2: Smaller Models and Faster Training, "
    "arXiv:2104.00298",
)

CONVNEXT_TINY = ConvBaseSpec(
    name="convnext_tiny",
    module="convnext",
    builder="ConvNeXtTiny",
    image_size=224,
    smallest_size=32,
    pooling="average",
    blocks=(
        ("convnext_tiny_stem", "convnext_tiny_stem_conv"),
        *(
            (
                f"convnext_tiny_stage_{k}",
                f"convnext_tiny_stage_{k}_block_0_depthwise_conv",
            )
            for k in range(4)
        ),
    ),
    fine_tune_from="convnext_tiny_stage_3",
    paper="Liu et al., A ConvNet for the 2020s, arXiv:2201.03545",
    fast_in_bfloat16=False,
)

MINIVGG = ConvBaseSpec(
    name="minivgg",
    module="minivgg",
    builder="MiniVGG",
    image_size=96,
    smallest_size=32,
    pooling="flatten",
    blocks=tuple((f"block{k}", f"block{k}_conv1") for k in range(1, 6)),
    fine_tune_from="block1",
    paper="tlkit's own, in the shape of Simonyan and Zisserman, "
    "arXiv:1409.1556; trained on formulas in the line of Kataoka et al., "
    "Pre-training without Natural Images, arXiv:2101.08515",
    published="tlkit",
    fine_tuning_rate=3e-4,
)

BASES: Mapping[str, ConvBaseSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            _vgg("vgg16"),
            _vgg("vgg19"),
            RESNET50V2,
            MOBILENET,
            MOBILENET_V2,
            DENSENET121,
            XCEPTION,
            EFFICIENTNETV2B0,
            CONVNEXT_TINY,
            MINIVGG,
        )
    }
)
"""Every conv base, by name; the book's VGG16 first."""

PUBLISHED = ("imagenet", "tlkit")
"""Names of weights that need no path."""


def base_spec(name: str) -> ConvBaseSpec:
    """Looks up a conv base by its name.

    Args:
        name: Name of the base, a key of `BASES`.

    Returns:
        The entry of the base in the table.

    Raises:
        UsageError: There is no such base; the message suggests near names.

    Example:
        >>> base_spec("vgg16").fine_tune_from
        'block5'
    """
    if name not in BASES:
        raise UsageError(
            f"There is no conv base {name!r}.",
            where="base",
            expected=", ".join(BASES),
            remedy=did_you_mean(name, BASES),
        )
    return BASES[name]


def given_spec(base: Any) -> ConvBaseSpec:
    """Describes a conv base that the user brings as a Keras model.

    Args:
        base: The Keras model; or the mapping that stands for it in a run's
            `config.json`, with its name as `keras_model` and the digest of
            its weights as `sha256`.
    """
    from_config = isinstance(base, Mapping)
    # Not every model has one shape; `check_given_base` refuses the others.
    shape = None if from_config else getattr(base, "input_shape", None)
    side = shape[1] if isinstance(shape, tuple) and len(shape) == 4 else None
    return ConvBaseSpec(
        name=base["keras_model"] if from_config else base.name,
        module="",
        builder="",
        image_size=side or 224,
        smallest_size=1,
        # Flattening any feature map could give a vector of millions.
        pooling="average",
        blocks=(),
        fine_tune_from="",
        paper="brought by the user",
        published="none",
    )
