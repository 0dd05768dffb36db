from srnet.config.run import BASELINES, Config
from srnet.tables.printed import is_baseline, printed_name


def test_every_known_row_has_a_printed_name_of_its_own():
    rows = [*BASELINES, *Config().methods]
    names = [printed_name(row) for row in rows]
    assert len({*names}) == len(rows)
    assert not any("_" in name or name in rows for name in names)


def test_a_row_of_the_users_own_keeps_its_words():
    assert printed_name("my_net_2") == "my net 2"


def test_floors_are_the_floors_of_the_configuration():
    assert [row for row in [*BASELINES, *Config().methods] if is_baseline(row)] == list(BASELINES)
