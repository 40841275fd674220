"""What the watch on another host fetches: who is on call for two days, signed, with nothing secret in it, for a token that opens nothing else."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.api.test_paging_api import call, made, token
from tests.scenarios.world import World
from tocsin.cli.session import Failed
from tocsin.cli.watch_store import Store
from tocsin.domain import rota_watch
from tocsin.lib import signed_copy
from tocsin.oncall import operations as oncall
from tocsin.paging import operations as paging
from tocsin.response import rota_copy

pytestmark = pytest.mark.django_db


def copy(world: World, policy: str = "") -> rota_watch.Rota:
    return rota_watch.read(json.loads(rota_copy.signed(policy, world.now)["rota"]))


def test_it_holds_who_is_on_call_now_and_later_and_the_fallback_contact_last(world: World):
    schedule = world.schedule(world.ana)
    world.policy([schedule], [world.ben])
    world.fallback(organisation=world.lea)
    oncall.add_override(
        schedule,
        user=world.cy.pk,
        starts_at=world.now + timedelta(hours=2),
        ends_at=world.now + timedelta(hours=3),
        by=world.by,
        now=world.now,
    )
    found = copy(world)
    assert [[one.name for one in found.on_duty(step, world.now)] for step in range(3)] == [["Ana"], ["Ben"], ["Lea"]]
    assert [one.name for one in found.on_duty(0, world.now + timedelta(hours=2, minutes=30))] == ["Cy"]
    assert [one.name for one in found.on_duty(0, world.now + timedelta(hours=4))] == ["Ana"]


def test_addresses_that_are_secrets_and_ways_that_live_here_stay_here(world: World):
    world.policy([world.ana])
    actor = world.by
    for kind, address in (("ntfy", "https://tk_secret@ntfy.example.com/payments"), ("screen", "x"), ("email", "ana@example.com")):
        paging.add_method(world.ana, kind=kind, address=address, verified=True, by=actor, now=world.now)
    text = rota_copy.signed("", world.now)["rota"]
    assert "tk_secret" not in text and "screen" not in text and "ntfy" not in text and "ana@example.com" in text


def test_a_token_of_scope_watch_fetches_it_and_can_do_nothing_else(world: World):
    world.policy([world.ana])
    narrow, reader = token("watch"), token("read", "respond")
    found = made(call("GET", "/watch/rota", bearer=narrow))
    signed_copy.verify(found["rota"], found["signature"], found["public_key"])
    assert call("GET", "/watch/rota", bearer=reader).status_code == 403
    assert call("GET", "/users", bearer=narrow).status_code == 403
    assert call("GET", "/paging", bearer=narrow).status_code == 403
    assert call("GET", "/watch/rota?policy=Nobody's", bearer=narrow).status_code == 404


def test_a_copy_that_somebody_else_signed_or_changed_or_an_older_one_is_not_believed(world: World, tmp_path, settings):
    world.policy([world.ana])
    store = Store(tmp_path / "watch")
    first, newer = rota_copy.signed("", world.now), rota_copy.signed("", world.now + timedelta(minutes=5))
    assert store.take(newer).policy == "Payments"
    with pytest.raises(ValueError, match="older"):
        store.take(first)
    with pytest.raises(ValueError, match="not signed"):
        store.take({**newer, "rota": newer["rota"].replace("Payments", "Payroll")})
    settings.SECRET_KEY = "another installation" * 4
    with pytest.raises(ValueError, match="not signed"):
        store.take(rota_copy.signed("", world.now + timedelta(minutes=9)))
    with pytest.raises(Failed, match="another key"):
        store.pin("AAAA")
    assert store.rota() and {path.stat().st_mode & 0o777 for path in (tmp_path / "watch").iterdir()} == {0o600}
    (tmp_path / "watch" / "rota.json").write_text((tmp_path / "watch" / "rota.json").read_text().replace("Payments", "Payroll"))
    assert store.rota() is None  # changed on the disk: not believed either


def test_the_settings_file_gives_people_other_ways_and_says_what_is_wrong_with_it(world: World, tmp_path):
    store = Store(tmp_path / "watch")
    store.write("watch.toml", '[[people]]\nname = "Ana"\nmethods = [{kind = "ntfy", address = "https://ntfy.sh/a-long-topic-name"}]\n')
    assert store.own().people["Ana"][0].kind == "ntfy"
    store.write("watch.toml", "[[people]]\nname = 3")
    with pytest.raises(Failed, match=r"watch.toml cannot be read: 'methods'"):
        store.own()
