"""Does `tocsin up` keep everything running, stop everything, and recover from every kill? Real processes, real signals."""

import errno
import os
import signal
from pathlib import Path

import pytest

from tests.running import Installation, until
from tocsin.cli import supervisor
from tocsin.postgres.server import Server, ServerError


@pytest.fixture(scope="module")
def installation():
    made = Installation()
    made.up()
    yield made
    made.clean()


@pytest.fixture
def running(installation):
    """The installation, up and ready, whatever the test before did to it."""
    if installation.process.poll() is not None:
        installation.up()
    until(installation.ready)
    return installation


def test_it_says_one_line_with_the_address_and_the_first_visit_link(running):
    first = Installation()
    try:
        first.up("--port", "0")
        assert first.line.count("\n") == 1
        assert f"http://127.0.0.1:{first.port}/set-up/?token=" in first.line
        assert first.get("/healthz")[0] == 200
        assert "tocsin_worker_silence_seconds" in first.get("/metrics")[1]
        assert first.stop() == 0
        assert first.anything_left() == []
    finally:
        first.clean()


def test_a_second_one_on_the_same_folder_is_refused_in_one_line(running):
    second = running.cli("up", "--data", str(running.folder), "--port", "0")
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.count("\n") == 1
    assert "already runs on the data folder" in second.stderr


def test_a_second_one_on_the_same_port_is_refused_in_one_line(running):
    other = Installation()
    try:
        second = other.cli("up", "--data", str(other.folder), "--port", str(running.port))
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert "--port" in second.stderr
    finally:
        other.clean()


def test_a_killed_worker_comes_back(running):
    before = running.children()["worker"]
    running.kill(before)
    until(lambda: (now := running.children()["worker"]) and now != before)


def test_a_part_that_was_at_work_is_started_again_at_once_and_one_that_cannot_start_ever_more_slowly():
    assert supervisor.next_back_off(30.0, supervisor.STEADY) == 0.0
    pauses = [0.0]
    while len(pauses) < 9:
        pauses.append(supervisor.next_back_off(pauses[-1], 0.2))
    assert pauses == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_without_room_on_the_disk_the_settings_of_the_database_stay_whole_and_it_is_said(tmp_path, monkeypatch):
    server = Server(tmp_path)
    server.cluster.mkdir(parents=True)
    (server.cluster / "tocsin.conf").write_text("as they were")
    monkeypatch.setattr(Path, "write_text", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    monkeypatch.setattr(server, "prepare", lambda: server._write("tocsin.conf", "new ones"))
    with pytest.raises(ServerError, match="No space left on device"):
        server.start()
    assert (server.cluster / "tocsin.conf").read_text() == "as they were"


def test_a_killed_web_process_comes_back(running):
    before = set(running.children()["web"])
    running.kill(list(before))
    until(lambda: running.ready() and not before & set(running.children()["web"]))


def test_a_killed_database_comes_back_and_everything_works_again(running):
    before = running.children()["postgres"]
    running.kill(before)
    until(lambda: running.children()["postgres"] not in ([], before))
    until(running.ready)


def test_after_a_kill_of_the_supervisor_a_new_one_recovers_without_manual_work(running):
    running.process.kill()
    running.process.wait()
    running.up()
    assert running.ready()


def test_after_a_kill_of_everything_at_once_a_new_one_recovers(running):
    running.kill([running.process.pid, *running.anything_left()])
    running.process.wait()
    running.up()
    assert running.ready()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_with_the_database(running, number):
    assert running.stop(number) == 0
    assert running.anything_left() == []
    assert not (running.folder / "postgres" / "data" / "postmaster.pid").exists()


def test_the_next_start_on_the_same_folder_is_quick_it_does_not_go_through_the_migrations_again(running, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import sys\nif 'migrate' in sys.orig_argv: sys.exit('not again')\n")
    monkeypatch.setitem(running.environment, "PYTHONPATH", f"{tmp_path}{os.pathsep}{running.environment['PYTHONPATH']}")
    running.stop()
    running.up()


def test_the_program_cannot_change_history_nor_the_clock(running):
    import psycopg

    from tocsin import postgres

    with psycopg.connect(postgres.app_url(running.folder), autocommit=True) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        for statement in (
            "UPDATE timeline_entry SET text = 'x'",
            "DELETE FROM timeline_entry",
            "TRUNCATE timeline_entry",
            "DELETE FROM accounts_auditentry",
            "UPDATE clock_shift SET shift = '1 hour'",
            "ALTER TABLE timeline_entry DISABLE TRIGGER ALL",
            "CREATE TABLE mine (id int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_database_wants_a_password_and_has_no_network(running):
    import psycopg

    from tocsin import postgres

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres@/postgres?host={postgres.socket_dir(running.folder)}")
    with psycopg.connect(postgres.owner_url(running.folder)) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    assert (running.folder / "database-passwords").stat().st_mode & 0o777 == 0o600
    assert (running.folder / "secret-key").stat().st_mode & 0o777 == 0o600


def test_commands_work_beside_it_and_without_it(running):
    assert running.cli("user", "add", "ana@example.com", "--role", "administrator", "--name", "Ana").returncode == 0
    assert [user["email"] for user in running.read("user", "list")] == ["ana@example.com"]
    again = running.cli("user", "add", "ana@example.com")
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert running.cli("token", "create", "ci", "--scope", "read").stdout.startswith("tcs_")
    assert running.cli("token", "create").returncode == 2
    assert any("worker was heard" in finding["what"] for finding in running.read("doctor"))
    declared = running.read("declare", "Checkout payments failing", "--severity", "SEV2", "--impact", "Nobody can pay")
    assert declared["ref"] == "INC-1"
    running.stop()
    assert [user["email"] for user in running.read("user", "list")] == ["ana@example.com"]
    assert running.children()["postgres"] == []


def test_a_backup_brings_everything_back(running, tmp_path):
    running.cli("user", "add", "ben@example.com", "--name", "Ben")
    file = tmp_path / "a.tocsin-backup"
    assert running.cli("backup", str(file)).returncode == 0
    assert file.stat().st_mode & 0o077 == 0
    assert "tocsin runs" in running.cli("restore", str(file)).stderr
    running.cli("user", "add", "cy@example.com", "--name", "Cy")
    running.stop()
    refused = running.cli("restore", str(file))
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert running.cli("restore", str(file), "--yes").returncode == 0
    running.up()
    emails = [user["email"] for user in running.read("user", "list")]
    assert "ben@example.com" in emails
    assert "cy@example.com" not in emails
    assert '"paging": "held"' in running.get("/readyz")[1] and "tocsin_paging_held 1.0" in running.get("/metrics")[1]
    assert running.read("paging", "status")["held_reason"] == "restored from a.tocsin-backup"
    assert running.cli("paging", "release").returncode == 0
    assert '"paging": "at work"' in running.get("/readyz")[1]
    assert "not held back" in running.cli("paging", "release").stderr


def test_the_set_up_goes_out_as_a_file_and_comes_back(running, tmp_path):
    file = tmp_path / "house.yaml"
    file.write_text(
        """
version: 1
teams: [{name: Payments}]
users: [{email: dan@example.com, name: Dan, teams: [Payments]}]
schedules:
  - {name: Primary, team: Payments, time_zone: Europe/Berlin, rotations: [
      {name: weekly, starts_at: "2026-01-05T09:00:00", shift: {days: 7}, participants: [dan@example.com]}]}
escalation_policies:
  - {name: Payments, team: Payments, repeats: 1, steps: [{wait_seconds: 300, targets: [{kind: schedule, name: Primary}]}]}
components: [{name: Checkout}]
services: [{name: checkout, team: Payments, escalation_policy: Payments, components: [Checkout]}]
"""
    )
    first = running.cli("apply", str(file))
    assert first.returncode == 0, first.stderr
    assert "add services: checkout" in first.stdout
    assert running.cli("apply", str(file)).stdout == "nothing to change\n"
    written = running.cli("export").stdout
    (tmp_path / "again.yaml").write_text(written)
    assert running.cli("import", str(tmp_path / "again.yaml")).stdout == "nothing to change\n"
    assert [line["user"] for line in running.read("oncall", "who")] == ["Dan"]
    assert running.read("oncall", "explain", "checkout")
