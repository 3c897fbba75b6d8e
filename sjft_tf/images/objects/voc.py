"""`voc`: boxes as Pascal VOC has them, an XML file an image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from sjft_tf.errors import InputError
from sjft_tf.images.objects.annotations import Annotated, AnnotatedImage, Told, box_of, build_set
from sjft_tf.images.objects.object_set import ObjectSet
from sjft_tf.images.places.spec import Options, Spec, choose_split
from sjft_tf.images.places.walking import image_extensions
from sjft_tf.images.sets.scan import FileScan

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_LARGEST = 16 << 20  # bytes of an XML file


@dataclasses.dataclass(frozen=True)
class VocOptions(Options):
    """See `open_voc`."""

    images: str = ""
    difficult: bool = False


def open_voc(spec: Spec, scan: FileScan) -> ObjectSet:
    """`voc:DIR[#split][?images=DIR&difficult=false]`: DIR/Annotations/*.xml and DIR/JPEGImages, or all in DIR itself.

    Splits are the lists ImageSets/Main/SPLIT.txt; without a split every XML file counts. Pixels are counted from 1 and
    xmax, ymax lie in the object. Objects marked difficult are left out unless `difficult` is true.
    """
    options = spec.read_options(VocOptions)
    root = spec.path
    if not root.is_dir():
        raise InputError(f"'{spec}': there is no folder {root}")
    folder = root / "Annotations" if (root / "Annotations").is_dir() else root
    images = root / Path(options.images or "JPEGImages").expanduser()
    images = images if options.images or images.is_dir() else folder
    files = sorted(folder.glob("*.xml"))
    name = root.name
    if spec.split:
        split = choose_split(spec, voc_splits(spec))
        files, name = [folder / f"{one}.xml" for one in _named(_list_of(root, split))], f"{name}#{split}"
    if not files:
        raise InputError(f"'{spec}': there are no XML files in {folder}. Expected one for each image")
    told = Told(scan.skips)
    listed = [_image(path, images, options.difficult, told) for path in files]
    objects = build_set(name, spec, listed, scan, str(images), told)
    scan.found.understood, scan.found.splits = told.words(), voc_splits(spec)
    return objects


def voc_splits(spec: Spec) -> list[str]:
    """The splits that there are lists of; those of a single class (cat_train.txt) are none."""
    return sorted(path.stem for path in _list_of(spec.path, "").parent.glob("*.txt") if "_" not in path.stem)


def _list_of(root: Path, split: str) -> Path:
    return root / "ImageSets" / "Main" / f"{split}.txt"


def _named(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})") from error
    for line in lines:
        if line.strip():
            yield line.split()[0]


def _parsed(path: Path) -> ElementTree.Element:
    try:
        content = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
        # Entities can make a small file grow without end, and no annotation needs any; a DTD is where they come from.
        if b"<!" in content.replace(b"<!--", b""):
            raise InputError(f"{path} has a DTD or entities, which are not read. Expected the plain XML of Pascal VOC")
        return ElementTree.fromstring(content)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(
            f"{path} is no XML ({error}). Expected the annotation of an image, as Pascal VOC has"
        ) from error


def _image(path: Path, images: Path, difficult: bool, told: Told) -> AnnotatedImage:
    top = _parsed(path)
    file = (top.findtext("filename") or "").strip() or path.stem
    found = images / Path(file).name
    if not found.suffix:
        beside = (found.with_name(found.name + ending) for ending in image_extensions())
        found = next((one for one in beside if one.is_file()), found.with_name(f"{found.name}.jpg"))
    sides = [(top.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    size = (int(sides[0]), int(sides[1])) if all(side.isdecimal() and int(side) > 0 for side in sides) else None
    image = AnnotatedImage(found.name, str(found), str(path), size=size)
    for number, one in enumerate(top.iterfind("object"), start=1):
        label, place = (one.findtext("name") or "").strip(), f"{path}, object {number}"
        if not label:
            told.bad(InputError(f"{place} has no name."), "object(s) without a class left out")
        elif not difficult and (one.findtext("difficult") or "0").strip() == "1":
            told.count("difficult object(s) left out")
        elif one.find("bndbox") is None:
            image.objects.append(Annotated(label, None, place))
        else:
            try:
                box = box_of([one.findtext(f"bndbox/{side}") for side in _SIDES], place)
            except InputError as error:
                told.bad(error, "bad box(es) left out")
            else:
                image.objects.append(Annotated(label, (box[0] - 1, box[1] - 1, *box[2:]), place))
    return image
