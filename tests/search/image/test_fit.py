"""The maths under image search: placements are recovered, hashes hold, nothing is ever NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepeyes.search.image.arrays import opponent, small_image
from deepeyes.search.image.fit import fit_of, likeness, refine
from deepeyes.search.image.hash import distances, perceptual_hashes
from deepeyes.search.image.layout import CHANNELS, Gallery, Query, layout_scores, layouts, placements


def noise(seed: int, side: int = 128, blobs: int = 8) -> Image.Image:
    rough = np.random.default_rng(seed).integers(0, 256, (blobs, blobs, 3), np.uint8)
    return Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("place", [(1.0, 0.0, 0.06), (1.12, 0.05, -0.05), (0.9, -0.06, 0.0)])
def test_a_placement_is_recovered(place: tuple[float, float, float]) -> None:
    scale, turn, shift = place
    true = np.array([[scale, -turn, shift], [turn, scale, -shift]], np.float32)
    back = np.linalg.inv(np.vstack([true, [0, 0, 1]]))
    # PIL maps target pixels to source pixels, here both of a 256 square with its centre at 0
    move = np.array([[256, 0, 128], [0, 256, 128], [0, 0, 1]])
    flow = move @ back @ np.linalg.inv(move)
    seen = noise(1, 256).transform((256, 256), Image.Transform.AFFINE, tuple(flow[:2].ravel()), 2)
    seen = seen.point(lambda value: int(value * 0.8 + 20))
    template = opponent(small_image(noise(1, 256), 32))[None]
    start = np.array([[[1, 0, 0], [0, 1, 0]]], np.float32)
    query = opponent(small_image(seen, 40))
    found = refine(template, query, start, steps=10)
    assert np.abs(found[0] - true).max() < 0.03
    fit = fit_of(template, query, found)
    assert fit.colour[0] > 0.97 and fit.score()[0] > 0.8
    assert fit.gain[0] == pytest.approx(np.log(0.8), abs=0.1)


def test_the_layout_finds_a_crop_among_many() -> None:
    gallery = [noise(seed) for seed in range(50)]
    templates = np.stack([small_image(image, 32) for image in gallery])
    for wanted in (3, 30):
        crop = gallery[wanted].crop((16, 4, 124, 112)).rotate(6)
        scores, chosen = layout_scores(Gallery(templates, layouts(templates)), Query.of(crop))
        assert scores.shape == chosen.shape == (2, 50) and scores[0].argmax() == wanted
        assert (scores[0] >= scores[1]).all() and (chosen[0] != chosen[1]).all()


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_placements_exist_for_every_shape(width: int, height: int) -> None:
    places = placements(width, height)
    assert places.shape[1:] == (2, 3) and np.isfinite(places).all()
    assert (np.abs(np.linalg.det(places[:, :, :2])) > 0.3).all()


@given(st.sampled_from([0, 255, 128]), st.sampled_from([0, 7, 255]), st.booleans())
@settings(max_examples=12)
def test_flat_and_hard_pictures_give_finite_numbers(one: int, other: int, split: bool) -> None:
    templates = np.full((3, 32, 32, 3), one, np.uint8)
    templates[1, :, 16:] = other
    image = Image.new("RGB", (40, 40), (other, one, other))
    if split:
        image.paste((255, 255, 255), (0, 0, 20, 40))
    small = layouts(templates)
    assert small.shape == (3, CHANNELS, 64)
    query = Query.of(image)
    scores, chosen = layout_scores(Gallery(templates, small), query)
    assert np.isfinite(scores).all() and np.abs(scores).max() < 1.1
    places = refine(opponent(templates), query.sharp, query.placements[chosen[0]], steps=4)
    fit = fit_of(opponent(templates), query.sharp, places)
    assert np.isfinite(places).all() and np.isfinite(fit.score()).all()


def test_a_hash_survives_scaling_and_tells_pictures_apart() -> None:
    images = [noise(seed) for seed in range(30)]
    hashes = perceptual_hashes(np.stack([small_image(image, 32) for image in images]))
    again = perceptual_hashes(small_image(images[4].resize((57, 91)), 32)[None])[0]
    far = distances(hashes, again)
    assert far.argmin() == 4 and far[4] <= 6 and sorted(far)[1] > 10
    assert distances(hashes, ~hashes[0])[0] == 64


def test_likeness_ignores_exposure_only() -> None:
    one = small_image(noise(2), 32)
    others = np.stack([one, (one * 0.6).astype(np.uint8), 255 - one, small_image(noise(3), 32)])
    same, darker, inverse, other = likeness(one, others)
    assert same > 0.999 and darker > 0.97 and inverse < -0.9 and other < 0.6
    assert likeness(one, others[:0]).shape == (0,)
