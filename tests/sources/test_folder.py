"""A collection of one's own: folder or zip, and one CSV."""

import json
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artsound import tables
from artsound.errors import ConfigError, Outcome, Reason
from artsound.settings import Collection
from artsound.sources.folder import check_artworks, read_artworks, read_tracks

HEADER = "file,title,artist,licence\n"


def collection(folder: Path, csv: str | bytes, *files: str, **settings: object) -> Collection:
    folder.mkdir(exist_ok=True)
    (folder / "list.csv").write_bytes(csv if isinstance(csv, bytes) else csv.encode())
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return Collection(path=folder, **settings)


def ids(outcome: Outcome) -> list[str]:
    return outcome.rows["artwork_id"].to_pylist()


def reasons(outcome: Outcome) -> dict[str, Reason]:
    return {reject.item_id: reject.reason for reject in outcome.rejects}


def test_the_sample_is_read_without_a_reject() -> None:
    for read, name, count in ((read_artworks, "artworks", 48), (read_tracks, "music", 9)):
        outcome = read(Collection(path=Path("data/sample") / name))
        assert (len(outcome.rows), list(outcome.rejects)) == (count, [])


def test_what_the_sample_says_comes_along() -> None:
    rows = read_artworks(Collection(path=Path("data/sample/artworks"))).rows.to_pylist()
    row = next(row for row in rows if row["artwork_id"] == "met_37942.jpg")
    assert row["artist"] == "Devidasa of Nurpur"
    assert row["date"] == "dated 1694–95"
    assert row["licence"] == "CC0-1.0 (Met Open Access, isPublicDomain=true)"
    assert row["tags"] == ["Games", "Parvati", "Shiva"]
    assert row["source_url"] == "https://www.metmuseum.org/art/collection/search/37942"
    assert json.loads(row["extra"])["department"] == "Asian Art"


def test_rows_pass_the_gate_in_order_of_their_ids(tmp_path: Path) -> None:
    given_ = collection(tmp_path, HEADER + "b.jpg,,,\na.jpg,,,\n", "a.jpg", "b.jpg")
    outcome = read_artworks(given_)
    tables.conform("raw_artworks", outcome.rows)
    assert ids(outcome) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    "name",
    ["with space.jpg", "100%25.jpg", "a%C3%A8.jpg", "日本.jpg", "quote'\"s.jpg", "deep/er/x.jpg", "UP.JPG"],
)
def test_a_name_is_taken_literally(tmp_path: Path, name: str) -> None:
    quoted = name.replace('"', '""')
    outcome = read_artworks(collection(tmp_path, f'{HEADER}"{quoted}",t,a,l\n', name))
    assert (ids(outcome), outcome.rows["image_path"].to_pylist(), outcome.rejects) == ([name], [name], [])


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_may_be_composed_otherwise_on_disk(tmp_path: Path, listed: str, stored: str) -> None:
    name, file = unicodedata.normalize(listed, "é.jpg"), unicodedata.normalize(stored, "é.jpg")
    outcome = read_artworks(collection(tmp_path, f"{HEADER}{name},,,\n", file))
    assert (ids(outcome), outcome.rows["image_path"].to_pylist(), outcome.rejects) == ([name], [file], [])


def test_html_in_a_title_is_kept_as_it_is(tmp_path: Path) -> None:
    outcome = read_artworks(collection(tmp_path, HEADER + 'a.jpg,"<b>""Bread"" &amp; Wine</b>",,\n', "a.jpg"))
    assert outcome.rows["title"].to_pylist() == ['<b>"Bread" &amp; Wine</b>']


@pytest.mark.parametrize("written", ["../b.jpg", "/etc/passwd", "a/../../b.jpg", "..\\b.jpg", "C:\\b.jpg"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, written: str) -> None:
    outcome = read_artworks(collection(tmp_path / "in", f"{HEADER}{written},,,\n", "a.txt"))
    assert reasons(outcome) == {written: Reason.UNSAFE_PATH}


def test_files_and_lines_that_do_not_meet_are_refused(tmp_path: Path) -> None:
    csv = HEADER + "gone.jpg,,,\na.jpg,first,,\na.jpg,second,,\n,no file,,\n"
    outcome = read_artworks(collection(tmp_path, csv, "a.jpg", "extra.PNG", "notes.txt", "sound.mp3"))
    assert reasons(outcome) == {
        "gone.jpg": Reason.MISSING_FILE,
        "a.jpg": Reason.DUPLICATE_KEY,
        "line 5": Reason.MISSING_FILE,
        "extra.PNG": Reason.NOT_LISTED,
    }
    assert outcome.rows["title"].to_pylist() == ["first"]


def test_what_macos_puts_beside_a_file_is_told_once(tmp_path: Path) -> None:
    outcome = read_artworks(collection(tmp_path, HEADER + "a.jpg,,,\n", "a.jpg", "._a.jpg", "deep/._b.jpg"))
    assert ids(outcome) == ["a.jpg"]
    assert reasons(outcome) == {"._*": Reason.NOT_LISTED}


def test_a_zip_serves_as_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "art.zip", "w") as archive:
        archive.writestr("list.csv", HEADER + "a.jpg,,,\n")
        archive.writestr("a.jpg", b"x")
    assert ids(read_artworks(Collection(path=tmp_path / "art.zip"))) == ["a.jpg"]


@pytest.mark.parametrize(
    "csv",
    [
        "FILE,Title,Artist,License\na.jpg,t,m,l\n",
        " file name ,title,creator,rights\na.jpg,t,m,l\n",
        "\ufefffile,title,artist,licence\r\na.jpg,t,m,l\r\n",
        "file;title;artist;licence\na.jpg;t;m;l\n",
    ],
)
def test_usual_headers_are_understood(tmp_path: Path, csv: str) -> None:
    row = read_artworks(collection(tmp_path, csv, "a.jpg")).rows.to_pylist()[0]
    assert [row[name] for name in ("artwork_id", "title", "artist", "licence")] == ["a.jpg", "t", "m", "l"]


def test_columns_can_be_mapped(tmp_path: Path) -> None:
    csv = "bild,titel,title,artist,licence\na.jpg,Wiese,meadow,m,l\n"
    mapped = {"file": "bild", "title": "titel"}
    row = read_artworks(collection(tmp_path, csv, "a.jpg", columns=mapped)).rows.to_pylist()[0]
    assert (row["title"], json.loads(row["extra"])) == ("Wiese", {"title": "meadow"})


def test_of_two_columns_for_one_purpose_the_second_is_kept_as_extra(tmp_path: Path) -> None:
    csv = "file,title,artist,licence,date,year\na.jpg,,,,May 1889,1889\n"
    row = read_artworks(collection(tmp_path, csv, "a.jpg")).rows.to_pylist()[0]
    assert (row["date"], json.loads(row["extra"])) == ("May 1889", {"year": "1889"})


def test_surplus_cells_are_not_lost(tmp_path: Path) -> None:
    row = read_artworks(collection(tmp_path, HEADER + "a.jpg,,,,one,two\n", "a.jpg")).rows.to_pylist()[0]
    assert json.loads(row["extra"]) == {"": "one two"}


@pytest.mark.parametrize(
    ("text", "words"),
    [("a|b, c", ["a", "b, c"]), ("a; b", ["a", "b"]), ("a, b", ["a", "b"]), ("", []), ("|", [])],
)
def test_lists_are_split_at_bars_or_semicolons_else_at_commas(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    csv = f'file,title,artist,licence,tags\na.jpg,,,,"{text}"\n'
    assert read_artworks(collection(tmp_path, csv, "a.jpg")).rows["tags"].to_pylist() == [words]


@pytest.mark.parametrize(
    ("csv", "says"),
    [
        ("file,title,artist\na.jpg,,\n", "no column licence; it has: file, title, artist"),
        ("", "list.csv has no bytes"),
        (HEADER, "lists nothing"),
        (HEADER + "\n , \n", "lists nothing"),
        ("file,file,title,artist,licence\na.jpg,,,,\n", "two columns named 'file'"),
        (HEADER + 'a.jpg,"open,,\n', "mend the quoting"),
        (b"file,title,artist,licence\na.jpg,\xff,,\n", "not UTF-8"),
    ],
)
def test_a_table_that_cannot_serve_is_told_in_one_line(tmp_path: Path, csv: str | bytes, says: str) -> None:
    for look in (check_artworks, read_artworks):
        with pytest.raises(ConfigError, match=says) as raised:
            look(collection(tmp_path, csv, "a.jpg"))
        assert "\n" not in str(raised.value)


def test_a_folder_needs_one_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_tracks(Collection(path=tmp_path / "none"))
    with pytest.raises(ConfigError, match="no files"):
        read_tracks(Collection(path=tmp_path))
    given_ = collection(tmp_path, HEADER + "a.jpg,,,\n", "a.jpg", "other.csv")
    with pytest.raises(ConfigError, match=r"found list.csv, other.csv: set `table`"):
        read_artworks(given_)
    assert ids(read_artworks(given_.model_copy(update={"table": "list.csv"}))) == ["a.jpg"]
    with pytest.raises(ConfigError, match=r"no table 'third.csv'"):
        read_artworks(given_.model_copy(update={"table": "third.csv"}))
    (tmp_path / "other.csv").unlink()
    (tmp_path / "list.csv").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot read the table"):
        read_artworks(given_)
    (tmp_path / "list.csv").unlink()
    with pytest.raises(ConfigError, match="need one CSV"):
        read_artworks(given_)


def test_a_mapping_of_columns_that_do_not_exist_is_told(tmp_path: Path) -> None:
    csv = HEADER + "a.jpg,,,\n"
    with pytest.raises(ConfigError, match=r"names 'bild', which is not in"):
        read_artworks(collection(tmp_path, csv, "a.jpg", columns={"file": "bild"}))
    with pytest.raises(ConfigError, match=r"maps 'colour', which is none of ours"):
        read_artworks(collection(tmp_path, csv, "a.jpg", columns={"colour": "title"}))


@given(st.permutations(["a.jpg,1,,", "b.jpg,2,,", "c.jpg,3,,", "gone.jpg,4,,"]))
def test_the_order_of_lines_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    outcome = read_artworks(collection(folder, HEADER + "\n".join(lines), "a.jpg", "b.jpg", "c.jpg"))
    assert outcome.rows["title"].to_pylist() == ["1", "2", "3"]
