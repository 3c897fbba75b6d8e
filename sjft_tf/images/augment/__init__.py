"""What is done to training images, each from a seed of its own: the same in both domains, `Mixing` aside.

Augmentation   random crop, scale and mirror (the paper's), and changes after it
RandomAffine   rotation, shear, translation
RandAugment    N operations drawn for every image
ColorJitter    brightness, contrast, saturation, hue
Cutout         a hidden square
Mixing         mixup and CutMix, within a batch
"""

from sjft_tf.images.augment.affine import RandomAffine
from sjft_tf.images.augment.color import ColorJitter
from sjft_tf.images.augment.cutout import Cutout
from sjft_tf.images.augment.mixing import Mixed, Mixing
from sjft_tf.images.augment.randaugment import RandAugment
from sjft_tf.images.augment.window import Augmentation, Change

__all__ = ["Augmentation", "Change", "ColorJitter", "Cutout", "Mixed", "Mixing", "RandAugment", "RandomAffine"]
