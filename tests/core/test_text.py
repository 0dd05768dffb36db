"""Tables and configurations as people save them: read, or refused by name."""

import pytest
import yaml

from srnet.config.run import Config
from srnet.core.errors import SrnetError
from srnet.core.text import read_rows, read_text, read_yaml
from srnet.dataset.split import SplitScan, read_split, write_split
from srnet.evaluate.scores import KEYS, read_scores
from srnet.provenance.batch import read_products
from tests.fixtures.mutations import count_outcomes

LAUGHS = "\n".join(
    ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_what_a_spreadsheet_saves_is_one_table(tmp_path, encoding, ending):
    text = f"scan\tplace{ending}a\tMünchen{ending}b\t{ending}{ending}"
    path = write(tmp_path / "a.tsv", text.encode(encoding))
    assert read_rows(path) == [{"scan": "a", "place": "München"}, {"scan": "b", "place": ""}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("scan\tplace\na\tMünchen\n".encode("latin-1"), "cannot be read as text .*not UTF-8"),
        (b"scan\tplace\na\0\tb\n", "holds bytes of value 0"),
        ("scan\tplace\na\tb\tc\n", r"row a: has 3 cells, and the table has 2 columns"),
        ("scan\tscan\na\tb\n", "several columns named scan"),
        ('scan\tplace\n"a\tb\n', "cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path, content, reason):
    with pytest.raises(SrnetError, match=rf"a\.tsv.*{reason}"):
        read_rows(write(tmp_path / "a.tsv", content))


@pytest.mark.parametrize("content", ["", "scan\tother\n", "scan\tpatient\tsource\tpart\na\tb\n"])
def test_a_table_of_this_package_has_all_its_columns(tmp_path, content):
    with pytest.raises(SrnetError, match=r"a\.tsv"):
        read_split(write(tmp_path / "a.tsv", content))


def test_lines_of_comment_are_passed_over_where_they_may_be(tmp_path):
    path = write(tmp_path / "a.tsv", "# about\nscan\na\n#b\n")
    assert read_rows(path, comments=True) == [{"scan": "a"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("size: 32\nmüde: 1\n".encode("latin-1"), "cannot be read as text"),
        ("size: [32\n", "is no YAML"),
        ("size:\t32\n", "is no YAML"),
        ("- size\n- width\n", "holds no keys with values"),
        ("32", "holds no keys with values"),
        ("1: 2", "holds no keys with values"),
        (LAUGHS, "unfolds into more than 100000 values"),
        ("a: &a [*a]", "unfolds into more than 100000 values"),
        ("[" * 5000, "is no YAML"),
        ("size: 32\nseed: 2\nsize: 64\n", "is no YAML .*line 3: 'size' is given twice"),
        ("a:\n  - {k: 1, k: 2}\n", "is no YAML .*line 2: 'k' is given twice"),
    ],
)
def test_what_is_no_configuration_is_refused_by_name(tmp_path, content, reason):
    with pytest.raises(SrnetError, match=rf"a\.yaml: {reason}"):
        read_yaml(write(tmp_path / "a.yaml", content))


def test_an_empty_configuration_and_one_with_aliases_are_read(tmp_path):
    assert read_yaml(write(tmp_path / "a.yaml", "# nothing\n")) == {}
    assert read_yaml(write(tmp_path / "b.yaml", "a: &x {k: 1}\nb: *x\n"))["b"] == {"k": 1}
    with pytest.raises(SrnetError, match="cannot be read as text"):
        read_text(tmp_path)


def read_config(path):
    Config.parse(read_yaml(path))


@pytest.mark.slow
def test_mutated_texts_are_read_or_refused(tmp_path, capsys):
    rows = [SplitScan(f"scan{n}", f"patient{n // 2}", "folder", "train") for n in range(9)]
    write_split(tmp_path / "split.tsv", rows)
    scores = "\t".join([*KEYS, "PSNR", "SSIM"]) + "\na\tb\tfolder\t20.5\t0.9\n" * 9
    write(tmp_path / "scores.tsv", scores)
    products = "scan\tproduct\tpath\tsha256\n" + "a\tct\tct/a.nii.gz\t" + "0" * 64 + "\n"
    write(tmp_path / "products.tsv", products)
    write(tmp_path / "config.yaml", yaml.safe_dump(Config().plain()))
    outcomes = {
        "split": count_outcomes(read_split, tmp_path / "split.tsv", 100),
        "scores": count_outcomes(read_scores, tmp_path / "scores.tsv", 100),
        "products": count_outcomes(read_list, tmp_path / "products.tsv", 100),
        "configuration": count_outcomes(read_config, tmp_path / "config.yaml", 100),
    }
    with capsys.disabled():
        print("", *(f"{k}: {dict(v)}" for k, v in outcomes.items()), sep="\n")  # noqa: T201
    assert all(found["refused"] > 20 for found in outcomes.values())


def read_list(path):
    read_products([path])
