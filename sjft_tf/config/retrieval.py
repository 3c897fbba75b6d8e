"""How likeness is measured, and how many neighbors are kept."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.catalog import check_bank, check_bank_name
from sjft_tf.config.option import LARGE, Section, option
from sjft_tf.errors import InputError

FEATURES = "features"
"""In place of a bank: neighbors by the features of the trunk."""


@dataclass(frozen=True)
class RetrievalConfig(Section):
    """How likeness is measured, and how many neighbors are kept."""

    bank: str = option(
        "gabor",
        "filter bank: gabor, alexnet, squeezenet_conv1, keras:NAME or model:PATH; or features, those of the trunk",
    )
    bank_layers: list[str] = option([], "layers of a keras: or model: bank; give the flag again for more")
    bank_weights: str = option("", "local weight file of the bank, or imagenet for a keras: bank")
    bank_before_nonlinearity: bool = option(
        True, "read the bank's layers before their nonlinearity, as the authors' code"
    )
    descriptor_resize: int = option(256, "for descriptors, images are resized to this square", limits=(1, 8192))
    descriptor_crop: int = option(224, "for descriptors, the middle square of this side is cut out", limits=(1, 8192))
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
        "exact, or approximate: finds nearly all neighbors from kept descriptors, and says how many",
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

    def check(self) -> None:
        if self.bank != FEATURES:
            check_bank_name(self.bank)
        if self.descriptor_crop > self.descriptor_resize:
            raise InputError(
                f"--descriptor_crop={self.descriptor_crop} is cut from "
                f"--descriptor_resize={self.descriptor_resize}, which is smaller"
            )

    def check_bank(self) -> None:
        """That the bank gets the layers and weights it needs; the features of a trunk need none.

        Raises:
            InputError: see `catalog.check_bank`.
        """
        if self.bank != FEATURES:
            check_bank(self.bank, self.bank_layers, self.bank_weights)
