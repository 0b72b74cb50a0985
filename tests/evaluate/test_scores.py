"""Judges and conditional scores: packaged ones, and those from folders, on tiny random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from artsound.errors import ConfigError
from artsound.evaluate.about import circular, named_scores, notes
from artsound.evaluate.alignment import imsm, retrieval
from artsound.evaluate.classes import divergences, kl_sigmoid, kl_softmax, logits, softmax
from artsound.evaluate.ears import Heard, listen
from artsound.evaluate.judges import Judges, assemble, named
from artsound.evaluate.loud import LEVEL, level
from artsound.evaluate.miners import miners
from artsound.evaluate.scores import CLAP_SCORE, IMAGEBIND_SCORE, IMSM, Partners, scores
from artsound.media.audio import loudness
from artsound.models.torch_ready import torchvision_ready
from tests.models import tiny

RATE = 8_000


def noise(seed: int, seconds: float = 1.0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torchvision_ready()
    from transformers import (
        ASTConfig,
        ASTFeatureExtractor,
        ASTForAudioClassification,
        EncodecConfig,
        EncodecModel,
    )

    here = tmp_path_factory.mktemp("judges")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ast = ASTConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_length=64,
            num_mel_bins=32,
            num_labels=7,
        )
        ASTForAudioClassification(ast).save_pretrained(here / "ast")
        ASTFeatureExtractor(num_mel_bins=32, max_length=64).save_pretrained(here / "ast")
        small = EncodecConfig(
            num_filters=2, hidden_size=8, codebook_dim=8, codebook_size=16, num_lstm_layers=1
        )
        EncodecModel(small).save_pretrained(here / "encodec")
    return {
        "clap": tiny.clap(here / "clap"),
        "clip": tiny.clip(here / "clip"),
        "ast": here / "ast",
        "encodec": here / "encodec",
        "imagebind": tiny.imagebind(here / "imagebind"),
    }


@pytest.fixture(scope="module")
def judges(folders: dict[str, Path]) -> Judges:
    return assemble(folders)


def partners(count: int) -> Partners:
    images = [np.full((40, 50, 3), 20 * at, np.uint8) for at in range(count)]
    return Partners(
        images, [f"a song of {'very ' * at}quiet pianos" for at in range(count)], ["drums", "a flute"]
    )


def test_every_judge_hears_the_same_clip_the_same_way_and_tells_others_apart(judges: Judges) -> None:
    clips = np.stack([noise(0), noise(0), np.sin(np.arange(RATE) / 5).astype(np.float32)])
    heard = listen(judges.ears, clips, RATE)
    assert set(heard) == {"musicnn-mtt", "musicnn-msd", "mel", "clap", "ast", "encodec", "imagebind"}
    for one in heard.values():
        assert np.isfinite(one.vectors).all()
        assert np.array_equal(one.vectors[0], one.vectors[1])
        assert not np.array_equal(one.vectors[0], one.vectors[2])
    assert {name for name, one in heard.items() if one.tags is not None} == {
        "musicnn-mtt",
        "musicnn-msd",
        "ast",
    }
    tags = heard["ast"].tags
    assert tags is not None
    assert tags.shape == (3, 7)
    assert ((tags > 0) & (tags < 1)).all()


def test_a_clip_longer_than_an_ear_is_heard_in_windows(judges: Judges) -> None:
    ear = judges.ears["ast"]
    window = round(0.64 * ear.rate)
    piece = np.random.default_rng(1).standard_normal(window).astype(np.float32)
    once, twice = ear(piece[None]).vectors, ear(np.tile(piece, 2)[None]).vectors
    assert twice == pytest.approx(once, abs=1e-4)


def test_the_scores_of_words_and_pictures_are_cosines_in_the_spaces_of_their_models(judges: Judges) -> None:
    clips, given = np.stack([noise(at) for at in range(4)]), partners(4)
    heard = listen(judges.ears, clips, RATE)
    found = {one.name: one.matrix(heard[one.ear]) for one in scores(judges, heard, given)}
    assert judges.clap_words is not None
    assert judges.clip_words is not None
    assert judges.clip_sights is not None
    words = judges.clap_words(list(given.music_captions))
    assert found[CLAP_SCORE][1, 2] == pytest.approx(float(heard["clap"].vectors[1] @ words[2]))
    seen = judges.clip_sights([judges.clip_sights.prepare(one) for one in given.images])
    bank = sorted(given.bank)
    by_hand = imsm(seen, judges.clip_words(bank), heard["clap"].vectors, judges.clap_words(bank))
    assert np.diagonal(found[IMSM]) == pytest.approx(by_hand, abs=1e-5)
    assert judges.bound_sights is not None
    bound = judges.bound_sights([judges.bound_sights.prepare(one) for one in given.images])
    assert found[IMAGEBIND_SCORE] == pytest.approx(heard["imagebind"].vectors @ bound.T, abs=1e-6)
    assert np.abs(found[IMAGEBIND_SCORE]).max() <= 1 + 1e-6


def test_a_real_clip_is_most_like_itself_in_every_score_of_sound(judges: Judges) -> None:
    heard = listen(judges.ears, np.stack([noise(at) * (1 + at) for at in range(5)]), RATE)
    of_sound = [one for one in scores(judges, heard, partners(5)) if one.name.startswith(("same", "minus"))]
    assert len(of_sound) == 7 + 2 * 3
    for one in of_sound:
        assert (one.matrix(heard[one.ear]).argmax(axis=1) == np.arange(5)).all(), one.name


def test_a_matrix_of_divergences_holds_the_divergences_of_pairs() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.random((4, 9)), rng.random((4, 9))
    p, q = softmax(logits(other)), softmax(logits(one))
    assert np.diagonal(divergences(p, q)) == pytest.approx(kl_softmax(logits(other), logits(one)))
    assert divergences(p, q)[2, 1] == pytest.approx((p[1] * np.log(p[1] / q[2])).sum())
    both = divergences(other, one) + divergences(1 - other, 1 - one)
    assert np.diagonal(both) == pytest.approx(kl_sigmoid(other, one))


def test_without_weights_the_packaged_ears_judge_and_no_score_of_words_is_made_up() -> None:
    offline = assemble({})
    heard = {name: Heard(np.eye(3, dtype=np.float32), None) for name in offline.ears}
    assert [one.name for one in scores(offline, heard, partners(3))] == [
        f"same sound, {name}" for name in ("musicnn-mtt", "musicnn-msd", "mel")
    ]
    found = scores(offline, heard, partners(3))[0]
    assert retrieval(found.matrix(heard["mel"])).recall_at_1 == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["clap"], "NAME=FOLDER"),
        (["clap=a", "clap=b"], "each name once"),
        (["bark=a"], "no judge 'bark'; there are: ast"),
        (["clap=nowhere"], "nowhere does not exist"),
    ],
)
def test_a_judge_that_cannot_be_seated_says_why(given: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        assemble(named(given))


@pytest.mark.parametrize("kind", ["clap", "clip", "imagebind", "ast", "encodec"])
def test_a_folder_without_the_weights_of_a_judge_is_one_line(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        assemble({kind: tmp_path})
    assert "\n" not in str(caught.value)


def test_all_clips_come_to_one_loudness_and_silence_stays() -> None:
    for loud in (0.01, 3.0):
        assert loudness(level(noise(1) * loud, RATE)[:, None], RATE) == pytest.approx(LEVEL, abs=0.1)
    assert not level(np.zeros(RATE, np.float32), RATE).any()
    assert level(noise(1)[:100], RATE) == pytest.approx(noise(1)[:100])


def facts(writer: str = "offline@2", **weights: float) -> dict[str, object]:
    models = {
        "art_captions": ["offline@2"],
        "music_captions": [writer],
        "art_clap_vectors": ["larger-clap-music@aa"],
        "music_clap_vectors": ["larger-clap-music@aa"],
        "art_clip_vectors": ["vit@bb"],
        "art_sentence_vectors": ["minilm-int8@cc"],
        "music_measures": ["musicnn@dd"],
    }
    return {"models": models, "settings": {"matching": {"min_score": None, "complete": False, **weights}}}


def test_who_chose_the_pairs_is_read_off_the_weights_of_the_matching() -> None:
    by_clap = miners(facts(clap=1.0, clip=0.0, sentence=0.0, affect=0.0), "patches")
    assert {one.family for one in by_clap} == {"clap", "patches"}
    by_words = miners(facts(clap=0.0, clip=0.0, sentence=1.0, affect=0.0), "clip")
    assert {one.family for one in by_words} == {"minilm", "offline", "musicnn", "clip"}
    by_titles = miners(facts("titles@1", clap=0.0, clip=0.0, sentence=1.0, affect=0.0), "clip")
    assert "musicnn" not in {one.family for one in by_titles}
    assert {one.family for one in miners({"models": {"art_clip_vectors": ["vit@bb"]}}, "x")} == {"vit", "x"}


def test_a_judge_that_chose_the_pairs_is_marked_and_the_others_are_named(judges: Judges) -> None:
    mined = miners(facts(clap=1.0, clip=0.0, sentence=0.0, affect=0.0), "patches")
    heard = {name: Heard(np.eye(3, dtype=np.float32), None) for name in judges.ears}
    marked = {
        one["name"] for one in named_scores(scores(judges, heard, partners(3)), mined) if one["circular"]
    }
    assert marked == {"same sound, clap", CLAP_SCORE, IMSM}
    assert circular(frozenset({"musicnn"}), mined) == ""
    said = " ".join(notes("test", 200, 16_000, judges, mined, {"mel": 50, "clap": 512}))
    assert "without a part in the pairs: ast, encodec, imagebind, mel, musicnn-msd, musicnn-mtt" in said
    assert "trained on" not in said
    assert "These pairs were trained on" in notes("train", 200, 16_000, judges, mined, {})[0]
    assert "clap, encodec hear more than 8000 Hz" in said
    assert "straight from more clips on: clap 2,048." in said
    assert "believe no single figure" in " ".join(
        notes("test", 200, 8_000, Judges({"clap": judges.ears["clap"]}), mined, {})
    )
