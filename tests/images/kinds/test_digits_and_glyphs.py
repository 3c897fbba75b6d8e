import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, check_trainable, open_image_set
from sjft_tf.images.kinds.glyphs import CLASS_NAMES, FONTS, LETTERS, _Fonts


def pixels(images):
    return np.stack([e["image"] for e in images.dataset().as_numpy_iterator()])


@pytest.fixture(scope="module")
def digits():
    return open_image_set("digits")


def test_digits(digits):
    from sklearn.datasets import load_digits

    assert len(digits) == 1797
    assert digits.class_names == tuple("0123456789")
    assert digits.ids[0] == "0/0000"
    raw = load_digits()
    np.testing.assert_array_equal(digits.labels, raw.target)
    image = digits.load(5).numpy()
    assert image.shape == (8, 8, 3)
    np.testing.assert_allclose(image[..., 1], raw.images[5] * 255 / 16, atol=0.5)


@pytest.mark.parametrize(("per_class", "seed"), [(5, 0), (5, 1), (1, 0), (100, 3)])
def test_digits_splits_part_the_whole(digits, per_class, seed):
    options = f"?per_class={per_class}&seed={seed}"
    train, validation, test = (open_image_set(f"digits#{s}{options}") for s in ("train", "val", "test"))
    assert set(train.class_counts) == {per_class}
    assert set(validation.class_counts) == {20}
    assert sorted([*train.ids, *validation.ids, *test.ids]) == sorted(digits.ids)
    for one, other in ((train, test), (train, validation), (validation, test)):
        check_disjoint(one, other)
    assert validation.fingerprint == open_image_set("digits#validation").fingerprint
    with pytest.raises(InputError, match=r"are in both"):
        check_disjoint(train, digits)


def test_digits_seed_draws_others():
    draws = {tuple(open_image_set(f"digits#train?seed={seed}").ids) for seed in (0, 0, 1, 2)}
    assert len(draws) == 3


def test_digits_training_sets_grow_with_per_class():
    few, more = (open_image_set(f"digits#train?per_class={n}") for n in (2, 7))
    assert set(few.ids) < set(more.ids)


def test_digits_draw_never_changes():
    # A benchmark's split must be the same in ten years.
    drawn = open_image_set("digits#train?per_class=1&seed=0").ids
    assert " ".join(drawn) == "2/0142 3/0193 1/0210 9/0254 6/0272 7/0300 5/0720 0/1235 4/1351 8/1675"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("digits#extra", "Splits there: #train, #val, #test"),
        ("digits:eight", "takes no name"),
        ("digits?per_class=5", "options need a split"),
        ("digits#train?per_class=0", "`per_class` must be between 1 and 153. Received: per_class=0"),
        ("digits#train?per_class=999", "`per_class` must be between 1 and 153"),
        ("digits#train?count=5", "unknown option 'count'. Options of digits: per_class, seed"),
        ("glyphs?n=51", "`n` must be at least 52"),
        ("glyphs?size=7", "`size` must be between 8 and 128"),
        ("glyphs?seed=-1", "`seed` must be at least 0"),
        ("glyphs#train", "neither name nor splits"),
    ],
)
def test_refuses(spec, message):
    with pytest.raises(InputError, match=message):
        open_image_set(spec)


def test_glyphs():
    glyphs = open_image_set("glyphs?n=150")
    assert len(glyphs) == 150
    assert glyphs.num_classes == 52
    assert glyphs.class_names[0] == "upper_A"
    assert glyphs.class_names[51] == "lower_z"
    assert set(glyphs.class_counts) == {2, 3}
    assert glyphs.ids[53] == "upper_B/000053"
    check_trainable(glyphs)
    shown = pixels(glyphs)
    assert shown.shape == (150, 8, 8, 3)
    assert (shown == shown[..., :1]).all()
    assert (shown.reshape(150, -1).std(1) > 1).all()  # every picture shows something


def test_glyphs_repeat_for_a_seed():
    first, again, other = (open_image_set(f"glyphs?n=60&seed={seed}") for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    np.testing.assert_array_equal(pixels(first), pixels(again))


def test_glyphs_half_look_like_digits():
    shown = pixels(open_image_set("glyphs?n=1040"))[..., 0]
    levels = np.round(np.arange(17) * 255 / 16)
    border_dark = np.median(shown[:, [0, 0, -1, -1], [0, -1, 0, -1]], 1) < 64
    seventeen = np.isin(shown, levels).all((1, 2))
    assert 0.45 < (border_dark & seventeen).mean() < 0.62
    assert (~border_dark).mean() > 0.1  # inverted ones and gray grounds
    assert (~seventeen).mean() > 0.25  # blurred, noisy, of low contrast


def test_glyphs_of_another_size():
    assert open_image_set("glyphs?n=52&size=20").load(0).shape == (20, 20, 3)


def test_every_font_has_every_letter():
    fonts = _Fonts(32)
    for font in range(len(FONTS)):
        drawn = [fonts.letter(font, letter, 0) for letter in LETTERS]
        # A font without letters shows the same box, or nothing, for all of them.
        assert len({(image.size, image.tobytes()) for image in drawn}) == 52
        assert all(np.asarray(image).max() > 128 for image in drawn)


def test_class_names_have_no_digit():
    assert len(set(CLASS_NAMES)) == 52
    assert not any(character.isdigit() for name in CLASS_NAMES for character in name)
