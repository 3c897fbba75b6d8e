"""What is borrowed: the filter bank, the search, and how neighbor lists grow."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.training.settings.option import LARGE, option


@dataclass(frozen=True)
class RetrievalConfig:
    """How likeness is measured, and how many neighbors are kept."""

    bank: str = option(
        "gabor",
        "filter bank: gabor, alexnet, squeezenet_conv1, keras:NAME or model:PATH; or features, those of the trunk",
    )
    bank_layers: list[str] = option([], "layers of a keras: or model: bank; give the flag again for more")
    bank_weights: str = option("", "local weight file of the bank, or imagenet for a keras: bank")
    bank_before_nonlinearity: bool = option(True, "read the layers before their nonlinearity, as the authors' code")
    descriptor_resize: int = option(256, "images are resized to this square for the filter bank", limits=(1, 8192))
    descriptor_crop: int = option(224, "and cropped in the middle to this one", limits=(1, 8192))
    bins: int = option(100, "bins of each filter's histogram, of equal mass over the target", limits=(2, 65535))
    max_neighbors: int = option(5000, "longest ranked list kept for a target image", limits=(1, LARGE))
    reduced_decoding: bool = option(
        False, "let the decoder shrink JPEG images at least twice --descriptor_resize: faster, descriptors change a bit"
    )
    keep_descriptors: bool = option(
        False, "keep the source's descriptors: 2 bytes x bins x filters x source images", free=True
    )
    search: str = option(
        "exact",
        "approximate finds nearly all neighbors from kept descriptors, and says how many",
        ("exact", "approximate"),
    )
    search_candidates: float = option(
        1.5, "search=approximate: rank this many times K images exactly", limits=(1.0, 1e6)
    )
    search_memory_mb: int = option(
        0, "most memory of the search in MiB, beside decoding and filters; 0: no limit", limits=(0, LARGE), free=True
    )
    checkpoint_images: int = option(
        20000, "write down a search in progress every so many source images", limits=(1, LARGE), free=True
    )


@dataclass(frozen=True)
class SelectionConfig:
    """Which images are borrowed, and how that grows."""

    selector: str = option(
        "nearest",
        "what to borrow; none is plain fine-tuning",
        ("nearest", "random", "all", "class_importance", "none"),
    )
    k0: str = option("auto", "neighbors each target image begins with: a number, or auto (see --source_share)")
    source_share: float = option(
        0.15,
        "k0=auto: the smallest K0 whose union is this share of the source; class_importance: size of its pool",
        limits=(1e-9, 1.0),
    )
    delta: float = option(0.1, "entropy in nats from which a right prediction counts as uncertain", limits=(0.0, 1e3))
    wrong_growth: int = option(4, "after a round, a wrong image's K grows by this many times K0", limits=(0, 1000))
    uncertain_growth: int = option(2, "and an uncertain image's by this many", limits=(0, 1000))
    least_sample_per_class: int = option(
        0, "source classes with fewer picked images are left out of the union", limits=(0, LARGE)
    )
    hard_repeats: int = option(
        0, "a target image found wrong or uncertain comes so many more times in a pass over the target", limits=(0, 100)
    )
