"""From the outcome of a parse to DAGs, versions and import errors."""

from datetime import UTC, datetime

import pytest

from tradewind.server.contract import Connection, DagImportError, FileParsed, Grants, ProblemReason, Variable
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import dags, dispatches, secrets
from tradewind.server.store.handouts import LossCause
from tradewind.server.store.rows import DagFileRow

from .world import BUNDLE, World, dag, interrupted, parsed, task


def errors(world: World) -> list[tuple[str, str]]:
    found = world.read(dags.list_import_errors).items
    return [(row.file, row.error.type) for row in found]


def the_file(world: World) -> DagFileRow:
    (row,) = world.read(lambda tx: dags.dag_files(tx, BUNDLE))
    return row


SYNTAX_ERROR = DagImportError(file="f.py", line=3, type="SyntaxError", message="invalid syntax", traceback="…\0…")


def test_a_parse_makes_a_dag_and_its_first_version(world: World) -> None:
    declared = dag("d", task("a", owner="b"), task("b", "a", owner="a"), description="what\0for", tags=["x", "y"])
    world.declare(declared)
    row = world.read(lambda tx: dags.get_dag(tx, "d"))
    assert (row.version_number, row.paused, row.stale, row.file) == (1, False, False, "f.py")
    assert (row.tags, row.owners, row.has_import_errors) == (["x", "y"], ["a", "b"], False)
    assert world.read(lambda tx: dags.dag_version(tx, row.dag_version_pk)) == declared
    file = the_file(world)
    assert (file.snapshot, file.parse_state, file.parse_id) == (row.snapshot, "none", None)
    assert file.code_id == row.code_id
    assert set(file.files_read) == {"f.py"}


def test_a_new_structure_is_a_new_version_and_the_same_one_is_not(world: World) -> None:
    world.declare(dag("d", task("a")))
    world.declare(dag("d", task("a"), doc_md="words", line=7))
    assert [row.number for row in world.read(lambda tx: dags.list_dag_versions(tx, "d"))] == [1]
    world.declare(dag("d", task("a"), task("b", "a")))
    world.declare(dag("d", task("a")))
    versions = world.read(lambda tx: dags.list_dag_versions(tx, "d"))
    assert [row.number for row in versions] == [1, 2, 3]
    assert versions[0].structure_hash == versions[2].structure_hash
    assert world.read(lambda tx: dags.get_dag(tx, "d")).version_number == 3


def test_words_and_lines_follow_the_file_within_a_version(world: World) -> None:
    world.declare(dag("d", task("a"), doc_md="old"))
    world.declare(dag("d", task("a"), doc_md="new"))
    (version,) = world.read(lambda tx: dags.list_dag_versions(tx, "d"))
    assert version.dag.doc_md == "new"


def test_a_dag_that_its_file_does_not_declare_any_more_is_stale_until_it_does(world: World) -> None:
    world.declare(dag("d", task("a")), dag("e", task("a")))
    world.declare(dag("e", task("a")))
    assert [row.dag_id for row in world.read(dags.list_dags).items] == ["e"]
    assert world.read(lambda tx: dags.get_dag(tx, "d")).stale
    world.declare(dag("d", task("a")), dag("e", task("a")))
    assert [row.dag_id for row in world.read(dags.list_dags).items] == ["d", "e"]


def test_an_import_error_is_shown_and_leaves_the_dags_as_they_are(world: World) -> None:
    world.declare(dag("d", task("a")))
    world.parse(parsed(error=SYNTAX_ERROR))
    assert errors(world) == [("f.py", "SyntaxError")]
    row = world.read(lambda tx: dags.get_dag(tx, "d"))
    assert (row.stale, row.has_import_errors) == (False, True)
    assert the_file(world).has_error
    world.declare(dag("d", task("a")))
    assert errors(world) == []


def test_files_that_failed_are_parsed_again_when_a_variable_or_a_connection_is_new(world: World) -> None:
    def waiting() -> list[str]:
        return [row.file for row in world.read(dags.list_parses)]

    def set_variable(value: str) -> list[str]:
        world.write(lambda tx: secrets.put_variable(tx, Variable(key="k", value=value)))
        return waiting()

    world.declare(dag("d", task("a")), file="good.py")
    assert set_variable("1") == []
    world.parse(parsed(error=SYNTAX_ERROR))
    assert set_variable("2") == [], "it was there when the file was parsed"
    world.write(lambda tx: secrets.put_connection(tx, Connection(conn_id="c", conn_type="http")))
    assert waiting() == ["f.py"]


def test_a_dag_belongs_to_one_file(world: World) -> None:
    world.declare(dag("d", task("a")), file="f.py")
    world.parse(parsed([dag("d", task("b")), dag("e", task("a"))], file="g.py"), file="g.py")
    (error,) = world.read(dags.list_import_errors).items
    assert (error.file, error.error.type) == ("g.py", "DuplicateDagId")
    assert "f.py" in error.error.message
    assert world.read(lambda tx: dags.get_dag(tx, "d")).file == "f.py"
    assert world.read(lambda tx: dags.get_dag(tx, "e")).file == "g.py"


def test_a_dag_moves_to_another_file_once_its_own_is_gone(world: World) -> None:
    world.declare(dag("d", task("a")), file="f.py")
    world.write(lambda tx: dags.drop_files(tx, BUNDLE, ["g.py"]))
    world.declare(dag("d", task("a")), file="g.py")
    row = world.read(lambda tx: dags.get_dag(tx, "d"))
    assert (row.file, row.stale, row.version_number) == ("g.py", False, 1)


def test_a_dag_that_is_declared_twice_or_cannot_run_is_an_import_error_of_its_file(world: World) -> None:
    world.parse(parsed([dag("d", task("a")), dag("d", task("b")), dag("c", task("a", "b"), task("b", "a"))]))
    assert sorted(errors(world)) == [("f.py", "DuplicateDagId"), ("f.py", "GraphError")]
    assert [row.dag_id for row in world.read(dags.list_dags).items] == ["d"]


@pytest.mark.parametrize(
    "report",
    [
        parsed([dag("d", task("a"))]).model_copy(update={"code_id": "0" * 64}),
        parsed([dag("d", task("a"))], content=b"not what the snapshot has"),
        parsed([dag("d", task("a"))], file="elsewhere.py"),
    ],
    ids=["wrong code id", "changed file", "unknown file"],
)
def test_a_report_that_does_not_fit_the_snapshot_makes_no_dag(world: World, report: FileParsed) -> None:
    world.parse(report)
    assert errors(world) == [("f.py", "InvalidParseReport")]
    assert world.read(dags.list_dags).total == 0


def test_a_parse_that_waits_takes_the_newer_snapshot(world: World) -> None:
    first = world.publish(f=b"1")
    asked = world.write(lambda tx: dags.request_parse(tx, BUNDLE, first, "f.py", 30))
    second = world.publish(f=b"2")
    assert world.write(lambda tx: dags.request_parse(tx, BUNDLE, second, "f.py", 30)) == asked
    assert (the_file(world).parse_state, the_file(world).parse_snapshot) == ("scheduled", second)
    assert world.claim_parse().activity.code.snapshot == second


def test_one_parse_of_a_file_is_handed_out_at_a_time(world: World) -> None:
    first = world.publish(f=b"1")
    world.write(lambda tx: dags.request_parse(tx, BUNDLE, first, "f.py", 30))
    under_way = world.claim_parse()
    second = world.publish(f=b"2")
    world.write(lambda tx: dags.request_parse(tx, BUNDLE, second, "f.py", 30))
    request = dispatches.ClaimRequest(kind=under_way.activity.kind, executor="worker_session", limit=5)  # type: ignore[arg-type]
    assert world.write(lambda tx: dispatches.claim(tx, [request])) == []
    world.report(under_way.dispatch_id, parsed([dag("old", task("a"))], content=b"1"))
    world.report(world.claim_parse().dispatch_id, parsed([dag("new", task("a"))], content=b"2"))
    assert [row.dag_id for row in world.read(dags.list_dags).items] == ["new"]


def test_a_parse_of_a_file_that_is_gone_changes_nothing(world: World) -> None:
    snapshot = world.publish(f=b"")
    world.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, "f.py", 30))
    handout = world.claim_parse()
    assert world.write(lambda tx: dags.drop_files(tx, BUNDLE, [])) == ["f.py"]
    world.report(handout.dispatch_id, parsed([dag("d", task("a"))]))
    assert world.read(dags.list_dags).total == 0
    assert world.read(lambda tx: dags.dag_files(tx, BUNDLE)) == []


def test_dropping_a_file_makes_its_dags_stale_and_forgets_its_errors_and_parses(world: World) -> None:
    world.declare(dag("d", task("a")))
    world.parse(parsed(error=SYNTAX_ERROR))
    snapshot = world.publish(f=b"")
    world.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, "f.py", 30))
    world.write(lambda tx: dags.drop_files(tx, BUNDLE, []))
    assert errors(world) == []
    assert world.read(lambda tx: dags.get_dag(tx, "d")).stale
    assert world.read(dags.list_parses) == []


def test_a_parse_that_ends_its_process_is_tried_three_times(world: World) -> None:
    snapshot = world.publish(f=b"")
    world.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, "f.py", 30))
    for _ in range(3):
        assert errors(world) == []
        lost = world.claim_parse().dispatch_id
        assert world.write(lambda tx, one=lost: dispatches.lose(tx, [one], LossCause.NOT_RUNNING)) == [lost]  # type: ignore[misc]
    assert errors(world) == [("f.py", "ParsingKilledItsProcess")]
    assert world.read(dags.list_parses) == []


def test_a_worker_that_stops_may_interrupt_a_parse_as_often_as_it_likes(world: World) -> None:
    snapshot = world.publish(f=b"")
    world.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, "f.py", 30))
    for _ in range(5):
        world.report(world.claim_parse().dispatch_id, interrupted())
    assert errors(world) == []
    assert [row.state for row in world.read(dags.list_parses)] == ["scheduled"]


def test_errors_of_the_scan_and_of_parses_do_not_touch_each_other(world: World) -> None:
    world.parse(parsed(error=SYNTAX_ERROR))
    scanned = [DagImportError(file="f.py", type="FileTooLarge", message="…")]
    world.write(lambda tx: dags.set_bundle_errors(tx, BUNDLE, scanned))
    assert errors(world) == [("f.py", "SyntaxError"), ("f.py", "FileTooLarge")]
    world.declare(dag("d", task("a")))
    assert errors(world) == [("f.py", "FileTooLarge")]
    assert not the_file(world).has_error
    world.write(lambda tx: dags.drop_files(tx, BUNDLE, []))
    assert errors(world) == [("f.py", "FileTooLarge")]
    world.write(lambda tx: dags.set_bundle_errors(tx, BUNDLE, []))
    assert errors(world) == []


def test_dags_are_listed_by_what_they_are(world: World) -> None:
    world.declare(dag("etl.b", tags=["x y"]), dag("etl.a", tags=["z"]), dag("other", tags=["x"]))
    world.write(lambda tx: dags.set_paused(tx, "other", True))
    page = world.read(lambda tx: dags.list_dags(tx, limit=1, offset=1))
    assert ([row.dag_id for row in page.items], page.total) == (["etl.b"], 3)
    assert [row.dag_id for row in world.read(lambda tx: dags.list_dags(tx, pattern="etl")).items] == ["etl.a", "etl.b"]
    assert [row.dag_id for row in world.read(lambda tx: dags.list_dags(tx, pattern="tl%")).items] == []
    assert [row.dag_id for row in world.read(lambda tx: dags.list_dags(tx, tags=["x", "z"])).items] == [
        "etl.a",
        "other",
    ]
    assert [row.dag_id for row in world.read(lambda tx: dags.list_dags(tx, paused=True)).items] == ["other"]


def test_what_a_task_may_read_is_what_its_dag_and_itself_declare(world: World) -> None:
    world.declare(
        dag(
            "d",
            task("a", grants=Grants(connections=["c"], variables=[])),
            grants=Grants(connections=[], variables=["v*"]),
        )
    )
    pk = world.read(lambda tx: dags.get_dag(tx, "d")).dag_version_pk
    grants = world.read(lambda tx: dags.effective_grants(tx, pk, "a"))
    assert grants == Grants(connections=["c"], variables=["v*"])
    with pytest.raises(Refused):
        world.read(lambda tx: dags.effective_grants(tx, pk, "b"))


def test_what_is_not_there_is_not_found(world: World) -> None:
    for query in (
        lambda tx: dags.get_dag(tx, "nul\0"),
        lambda tx: dags.dag_version(tx, 1),
        lambda tx: dags.get_import_error(tx, 1),
        lambda tx: dags.set_paused(tx, "d", True),
    ):
        with pytest.raises(Refused) as refused:
            world.write(query)
        assert refused.value.reason is ProblemReason.NOT_FOUND


def test_a_file_outside_the_snapshot_cannot_be_parsed(world: World) -> None:
    snapshot = world.publish(f=b"")
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, "g.py", 30))
    assert refused.value.reason is ProblemReason.INVALID_VALUE


def test_a_new_dag_is_paused_where_the_deployment_says_so(sqlite_url: str, open_store: object) -> None:
    world = World(open_store(sqlite_url, paused_at_creation=True))  # type: ignore[operator]
    world.declare(dag("d", task("a")))
    assert world.read(lambda tx: dags.get_dag(tx, "d")).paused
    assert world.read(lambda tx: dags.get_dag(tx, "d")).created_at <= datetime.now(UTC)
    world.close()
