from bidsglm.sentences import listing


def test_long_lists_are_cut_short() -> None:
    assert listing("abcde") == "a, b, c, d, e"
    assert listing("abcdefg") == "a, b, c, d, e and 2 more"
    assert listing([]) == ""
