from bidsglm import options, parser


def test_help_explains_every_option_and_fits_the_page() -> None:
    built = options.build_parser()
    actions = [action for action in built._actions if action.option_strings]
    assert [action.option_strings for action in actions if not action.help] == []
    lines = built.format_help().splitlines()
    assert max(map(len, lines)) <= parser.WIDTH


def test_help_names_the_value_of_an_option_once() -> None:
    text = options.build_parser().format_help()
    assert "  --session-label, --session-id LABEL ...\n" in text
    assert "  -w, --work-dir DIR " in text
    assert "  --settings {matched,native} " in text
