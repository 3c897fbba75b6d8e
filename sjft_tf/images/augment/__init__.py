"""What is done to training images, the same in both domains, each from a seed of its own.

Augmentation   random crop, scale and mirror (the paper's), and changes after it
RandomAffine   rotation, shear, translation
RandAugment    N operations drawn for every image
ColorJitter    brightness, contrast, saturation, hue
Cutout         a hidden square
"""

from sjft_tf.images.augment.affine import RandomAffine
from sjft_tf.images.augment.color import ColorJitter
from sjft_tf.images.augment.cutout import Cutout
from sjft_tf.images.augment.randaugment import RandAugment
from sjft_tf.images.augment.window import Augmentation, Change

__all__ = ["Augmentation", "Change", "ColorJitter", "Cutout", "RandAugment", "RandomAffine"]
