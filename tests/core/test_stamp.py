from srnet.core.stamp import record_id, stamped


def test_records_nest_and_end():
    assert record_id() == ""
    with stamped("outer"):
        with stamped("inner"):
            assert record_id() == "inner"
        assert record_id() == "outer"
    assert record_id() == ""
