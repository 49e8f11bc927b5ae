from bidsglm.report.code import CodeReport, highlighted

HOSTILE = "x = '</code><script>alert(1)</script>';  % differs: <b>\n"


def test_code_is_shown_and_never_run():
    html = CodeReport("spm", "x.m", HOSTILE).html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_comments_on_differences_stand_out():
    html = CodeReport("spm", "x.m", HOSTILE + "% no difference\n").html
    assert html.count('differs"') == 1
    assert 'class="c1 differs"' in CodeReport("nilearn", "x.py", "x = 1  # differs: y\n").html


def test_leading_blank_lines_stay():
    assert highlighted("\n\nx\n", "python").startswith("\n\n")
