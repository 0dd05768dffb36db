from srnet.config.run import FLOORS, Config
from srnet.evaluate.names import is_floor, printed_name


def test_every_known_row_has_a_printed_name_of_its_own():
    rows = [*FLOORS, *Config().methods]
    names = [printed_name(row) for row in rows]
    assert len({*names}) == len(rows)
    assert not any("_" in name or name in rows for name in names)


def test_a_row_of_the_users_own_keeps_its_words():
    assert printed_name("my_net_2") == "my net 2"


def test_floors_are_the_floors_of_the_configuration():
    assert [row for row in [*FLOORS, *Config().methods] if is_floor(row)] == list(FLOORS)
