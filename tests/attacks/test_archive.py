"""The attacks on a server with an archive: how long others waited, and its largest memory. `-v` prints the table."""

from pathlib import Path

import pytest

from tests.attacks.runs import Size, run


def assert_archive_withstands(
    url: str, folder: Path, size: Size, config: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, wrong = run(url, folder, size)
    if config.get_verbosity() > 0:
        with capsys.disabled():
            print("\n" + "\n".join(lines))  # noqa: T201  # asked for by -v
    assert wrong == {}, "\n".join(lines)


@pytest.mark.soak
def test_no_attack_on_a_small_archive_keeps_others_waiting_or_takes_the_memory(
    fresh_url: str, tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_archive_withstands(fresh_url, tmp_path, Size(1_000, busy=100, documents=100), pytestconfig, capsys)


@pytest.mark.soak
def test_no_attack_on_an_archive_of_100_000_cases_does(
    fresh_url: str, tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_archive_withstands(fresh_url, tmp_path, Size(100_000), pytestconfig, capsys)
