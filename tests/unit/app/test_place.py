import subprocess
from pathlib import Path

import pytest

from holdfast.app.place import database_of, find_state, make_state
from holdfast.errors import RequestError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below which nothing of the machine's own is found."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def plan_in(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "plan.yaml"


def test_the_state_is_beside_the_plan_where_no_folder_has_one(root: Path) -> None:
    assert find_state(plan_in(root / "a/b"), None, {}) == root / "a/b/.holdfast"


def test_the_nearest_folder_with_a_state_has_it(root: Path) -> None:
    (root / "a/.holdfast").mkdir(parents=True)
    assert find_state(plan_in(root / "a/b/c"), None, {}) == root / "a/.holdfast"
    (root / "a/b/.holdfast").mkdir(parents=True)
    assert find_state(plan_in(root / "a/b/c"), None, {}) == root / "a/b/.holdfast"


def test_nothing_above_a_git_root_is_looked_at(root: Path) -> None:
    (root / ".holdfast").mkdir()
    (root / "a/.git").mkdir(parents=True)
    assert find_state(plan_in(root / "a/b"), None, {}) == root / "a/b/.holdfast"
    (root / "a/.holdfast").mkdir()
    assert find_state(plan_in(root / "a/b"), None, {}) == root / "a/.holdfast"


def test_nothing_above_the_home_folder_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    (tmp_path / ".holdfast").mkdir()
    assert find_state(plan_in(tmp_path / "home/a"), None, {}) == tmp_path / "home/a/.holdfast"


def test_without_a_plan_the_current_folder_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a/b").mkdir(parents=True)
    monkeypatch.chdir(root / "a/b")
    assert find_state(None, None, {}) == root / "a/b/.holdfast"


def test_the_option_comes_before_the_environment_and_both_before_settings(root: Path) -> None:
    plan = plan_in(root / "a")
    (root / "a/holdfast.toml").write_text('dir = "from-settings"')
    assert find_state(plan, None, {}) == root / "a/from-settings/.holdfast"
    assert find_state(plan, None, {"HOLDFAST_DIR": str(root / "from-env")}) == root / "from-env/.holdfast"
    given = find_state(plan, root / "given", {"HOLDFAST_DIR": str(root / "from-env")})
    assert given == root / "given/.holdfast"
    assert find_state(plan, root / "x/.holdfast", {}) == root / "x/.holdfast"


def test_pyproject_may_hold_the_setting_and_a_broken_one_is_not_ours(root: Path) -> None:
    plan = plan_in(root / "a")
    (root / "a/pyproject.toml").write_text('[tool.holdfast]\ndir = "state"')
    assert find_state(plan, None, {}) == root / "a/state/.holdfast"
    (root / "a/pyproject.toml").write_text("not toml")
    assert find_state(plan, None, {}) == root / "a/.holdfast"


def test_a_broken_settings_file_of_ours_is_said(root: Path) -> None:
    plan = plan_in(root / "a")
    (root / "a/holdfast.toml").write_text("not toml")
    with pytest.raises(RequestError, match=r"holdfast\.toml is not TOML"):
        find_state(plan, None, {})


def test_the_database_may_be_elsewhere(tmp_path: Path) -> None:
    assert database_of(tmp_path, None, {}) == tmp_path / "journal.db"
    assert database_of(tmp_path, "sqlite:////x/y.db", {}) == Path("/x/y.db")
    assert database_of(tmp_path, None, {"HOLDFAST_DB": "sqlite:////e.db"}) == Path("/e.db")
    with pytest.raises(RequestError, match="not in this version"):
        database_of(tmp_path, "postgresql://h/d", {})
    with pytest.raises(RequestError, match="mysql"):
        database_of(tmp_path, "mysql://h/d", {})


def test_git_does_not_see_the_state(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    make_state(tmp_path / ".holdfast")
    (tmp_path / ".holdfast/journal.db").touch()
    seen = subprocess.run(["git", "status", "--short"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert seen.stdout == ""


def test_the_nearest_settings_name_the_database_beside_themselves(root: Path) -> None:
    plan = plan_in(root / "a/b")
    (root / "a/holdfast.toml").write_text('db = "sqlite:///kept.db"')
    state = find_state(plan, None, {})
    assert database_of(state, None, {}, plan) == root / "a/kept.db"
    assert database_of(state, None, {"HOLDFAST_DB": "sqlite:////e.db"}, plan) == Path("/e.db")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('dri = "x"', r'holdfast.toml: there is no setting "dri"'),
        ("dir = 3", r'holdfast.toml: "dir" must be text, not 3'),
        ("db = true", r'holdfast.toml: "db" must be text, not True'),
    ],
)
def test_a_setting_that_is_none_is_refused(root: Path, text: str, said: str) -> None:
    plan = plan_in(root / "a")
    (root / "a/holdfast.toml").write_text(text)
    with pytest.raises(RequestError, match=said):
        find_state(plan, None, {})
    (root / "a/holdfast.toml").rename(root / "a/pyproject.toml")
    (root / "a/pyproject.toml").write_text(f"[tool.holdfast]\n{text}")
    with pytest.raises(RequestError, match=said.replace("holdfast.toml", "pyproject.toml")):
        find_state(plan, None, {})


def test_a_file_in_the_place_of_the_state_is_said(root: Path) -> None:
    plan = plan_in(root / "a")
    (root / "a/.holdfast").touch()
    with pytest.raises(RequestError, match=r"\.holdfast is a file") as refused:
        find_state(plan, None, {})
    assert refused.value.exit_code == 3
    with pytest.raises(RequestError, match=r"\.holdfast is a file"):
        find_state(plan, root / "a", {})
