"""Mattermost's, Teams' and Matrix' wire: what is sent, what each answer means, and which answers of people are believed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.stand_ins import StandIn, Told
from tests.stand_ins import matrix as homeserver
from tests.stand_ins import mattermost as server
from tocsin import clock
from tocsin.domain.ports import Account, Callback, ForgedError, Message, Outcome, Reply, Said, Sent
from tocsin.domain.ports_chat import Heard
from tocsin.domain.replies import Verb, Wish
from tocsin.integrations.matrix import gateway as matrix
from tocsin.integrations.matrix import words as matrix_words
from tocsin.integrations.mattermost import gateway as mattermost
from tocsin.integrations.teams import gateway as teams

PAGE = Message(
    "SEV1 INC-42 @channel *Checkout* <b>", "SEV1 INC-42 @channel *Checkout* <b>\nService: [x](http://bad.example)\nWhy you: you are on call",
    link="https://tocsin.example/ack/x/", facts={"notification": 7, "kind": "page", "subject_url": "https://tocsin.example/alerts/3/"},
)  # fmt: skip
CODE = Message("Your verification code for Tocsin", "The code is 123456. It is valid for 10 minutes.", urgent=False)
CALLBACK = "http://localhost:8000/callbacks/pages/signed/"


@pytest.fixture
def standing(request):
    stand_in = request.param()
    yield stand_in
    stand_in.close()


def of(kind):
    return pytest.mark.parametrize("standing", [kind], indirect=True)


# -- Mattermost -----------------------------------------------------------------------------------------------------------


def post(standing, address="@ana", message=PAGE, key="tocsin-7"):
    account = Account(1, "Larkfield's", {"url": standing.url, "token": server.TOKEN}, CALLBACK)
    gateway = mattermost.Mattermost()
    return gateway, account, gateway.send(account, address, message, key=key)


@of(server.Mattermost)
class TestMattermost:
    def test_a_page_is_a_direct_message_with_two_buttons_that_mentions_nobody(self, standing):
        _, _, receipt = post(standing)
        assert (receipt.outcome, receipt.provider_id, receipt.recipient) == (Outcome.ACCEPTED, server.id_of("post0"), server.id_of("ana"))
        shown = standing.shown("ana")
        assert shown["message"] == "**SEV1 INC-42 @\u200bchannel \\*Checkout\\* \\<b\\>**"
        assert "\\[x\\](http://bad.example)" in shown["props"]["attachments"][0]["text"]
        actions = shown["props"]["attachments"][0]["actions"]
        assert [one["name"] for one in actions] == ["Acknowledge", "Escalate"] and {one["integration"]["url"] for one in actions} == {
            CALLBACK
        }

    def test_people_are_found_by_name_or_mail_and_rooms_by_team_and_name(self, standing):
        assert post(standing, "ben@example.com")[2].recipient == server.id_of("ben")
        assert post(standing, "payments/ops")[2].outcome is Outcome.ACCEPTED
        for address in ("@cy", "cy@example.com", "payments/none"):
            receipt = post(standing, address)[2]
            assert receipt.outcome is Outcome.FAILED and "no such person, team or channel" in receipt.reason

    def test_the_same_page_again_is_the_same_post(self, standing):
        gateway, account, first = post(standing)
        assert gateway.send(account, "@ana", PAGE, key="tocsin-7").provider_id == first.provider_id and len(standing.posts) == 1

    def test_a_code_has_no_buttons(self, standing):
        post(standing, message=CODE)
        assert "actions" not in standing.shown("ana")["props"]["attachments"][0]

    def test_what_somebody_took_has_no_buttons_but_says_who(self, standing):
        gateway, account, receipt = post(standing)
        assert gateway.change(account, Sent("", receipt.provider_id, ""), PAGE, "Ben has it").outcome is Outcome.DELIVERED
        assert "actions" not in standing.shown("ana")["props"]["attachments"][0] and "Ben has it" in standing.shown("ana")["message"]

    @pytest.mark.parametrize(
        ("told", "outcome", "wait"),
        [
            (Told(401, {"message": "Invalid or expired session"}), Outcome.REFUSED, None),
            (Told(403, {"message": "You do not have the appropriate permissions."}), Outcome.FAILED, None),
            (Told(429, b"limit exceeded", {"X-Ratelimit-Reset": "30"}), Outcome.RETRY, 30.0),
            (Told(500, {"message": "oops"}), Outcome.RETRY, None),
            (Told(200, b"<html>"), Outcome.RETRY, None),
        ],
    )
    def test_refusals_and_faults(self, standing, told, outcome, wait):
        standing.instead = [told]
        receipt = post(standing)[2]
        assert (receipt.outcome, receipt.retry_after) == (outcome, wait)

    @pytest.mark.django_db
    def test_a_press_counts_at_the_signed_address_of_its_page_alone(self, standing):
        gateway, account, _ = post(standing)
        url, body = standing.pressed("Escalate", "ana", "ben")
        assert gateway.read_callback(account, Callback("POST", url, {}, body, clock.now())) == [
            Reply(Wish(Verb.ESCALATE), server.id_of("ben"))
        ]
        with pytest.raises(ForgedError):
            gateway.read_callback(account, Callback("POST", "http://localhost:8000/callbacks/accounts/x/", {}, body, clock.now()))
        for body in (b"", b"[1]", b'{"context":1}', b'{"context":{"do":"delete"},"user_id":"x"}', b"[" * 50_000):
            assert gateway.read_callback(account, Callback("POST", url, {}, body, clock.now())) == []
        said = gateway.answer(account, Callback("POST", url, {}, b"", clock.now()), [Said(True, "You have it: x.")])
        assert json.loads(said.body) == {"ephemeral_text": "You have it: x."}


def test_addresses_in_mattermost():
    assert [mattermost.check_address(one) for one in ("@Ana.B", "Ana@Example.com")] == ["@ana.b", "ana@example.com"]
    assert mattermost.GATEWAY.check_room(" Payments/Ops ") == "payments/ops"
    for wrong in ("ana", "@", "@all here", "payments/ops"):
        with pytest.raises(ValueError, match="@ana"):
            mattermost.check_address(wrong)


# -- Microsoft Teams ------------------------------------------------------------------------------------------------------


class Workflow(StandIn):
    def answer(self, asked):
        return (
            Told(202, b"")
            if asked.query.get("sig") == "of/larkfield+"
            else Told(401, {"error": {"code": "DirectApiAuthorizationRequired", "message": "no sig"}})
        )


def through_teams(standing, sig="of%2Flarkfield%2B", form="message", kind=teams.Teams, message=PAGE):
    url = f"{standing.url}/workflows/{'1' * 32}/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={sig}"
    return kind().send(Account(1, "Flow", {"url": url, "form": form}), "ana@example.com", message, key="k")


@of(Workflow)
class TestTeams:
    def test_a_page_is_a_card_whose_buttons_open_addresses_and_whose_texts_are_no_markup(self, standing):
        receipt = through_teams(standing)
        assert receipt.outcome is Outcome.ACCEPTED and "does not say" in receipt.reason
        said = standing.asked[0].said
        assert said["recipient"] == "ana@example.com" and standing.asked[0].query["sp"] == "/triggers/manual/run"
        card = said["attachments"][0]["content"]
        assert {one["type"] for one in card["body"]} == {"RichTextBlock"}
        assert [(one["title"], one["url"]) for one in card["actions"]] == [("Acknowledge", PAGE.link), ("Open", PAGE.facts["subject_url"])]

    def test_the_bare_card_and_a_room(self, standing):
        through_teams(standing, form="card")
        through_teams(standing, kind=teams.TeamsRoom)
        assert standing.asked[0].said["type"] == "AdaptiveCard" and "recipient" not in standing.asked[1].said

    def test_the_largest_page_fits_into_28_kb(self, standing):
        through_teams(
            standing, message=Message("🔥" * 300, "\n".join("🔥" * 100 for _ in range(40)), link="https://x.example/" + "x" * 450)
        )
        assert len(standing.asked[0].body) < 28_000

    @pytest.mark.parametrize(
        ("told", "outcome"),
        [
            (Told(401, {"error": {"message": "no sig"}}), Outcome.REFUSED),
            (Told(404, {"error": {"message": "workflow not found"}}), Outcome.REFUSED),
            (Told(400, {"error": {"message": "schema"}}), Outcome.FAILED),
            (Told(429, b"", {"Retry-After": "10"}), Outcome.RETRY),
            (Told(502, b"bad gateway"), Outcome.RETRY),
        ],
    )
    def test_refusals_and_faults(self, standing, told, outcome):
        standing.instead = [told]
        receipt = through_teams(standing)
        assert receipt.outcome is outcome and "sig=" not in receipt.reason


# -- Matrix ---------------------------------------------------------------------------------------------------------------

ANA, BEN = "@ana:larkfield.example", "@ben:larkfield.example"


def through_matrix(standing, address=ANA, message=PAGE, gateway=None, key="tocsin-7"):
    account = Account(1, "Larkfield's", {"url": standing.url, "token": homeserver.TOKEN})
    gateway = gateway or matrix.Matrix()
    return gateway, account, gateway.send(account, address, message, key=key)


@of(homeserver.Matrix)
class TestMatrix:
    def test_a_page_is_a_message_in_an_unencrypted_direct_room_that_mentions_its_person(self, standing):
        _, _, receipt = through_matrix(standing)
        room = standing.direct(ANA)
        assert (receipt.outcome, receipt.provider_id) == (Outcome.ACCEPTED, f"{room} $event0")
        content = standing.shown(room)["content"]
        assert content["msgtype"] == "m.text" and content["m.mentions"] == {"user_ids": [ANA]}
        assert "<strong>SEV1 INC-42 @channel *Checkout* &lt;b&gt;</strong>" in content["formatted_body"]
        assert PAGE.link in content["body"] and matrix_words.HOW in content["body"]
        assert standing.members[room][ANA] == "invite"

    def test_the_room_is_made_once_also_by_another_process_until_its_person_leaves(self, standing):
        for key in ("a", "b"):
            through_matrix(standing, key=key)
        assert standing.account_data["m.direct"][ANA] == [standing.direct(ANA)]
        standing.members[standing.direct(ANA)][ANA] = "leave"
        through_matrix(standing, key="c")
        assert len(standing.account_data["m.direct"][ANA]) == 2

    def test_a_second_attempt_is_the_same_message(self, standing):
        gateway, _, first = through_matrix(standing)
        assert through_matrix(standing, gateway=gateway)[2].provider_id == first.provider_id and len(standing.events) == 1

    def test_a_room_is_joined_and_a_stranger_fails(self, standing):
        assert through_matrix(standing, "#ops:larkfield.example")[2].provider_id.startswith("!ops:larkfield.example ")
        for address, words in (("@cy:larkfield.example", "M_FORBIDDEN"), ("#none:larkfield.example", "no such person or room")):
            receipt = through_matrix(standing, address)[2]
            assert receipt.outcome is Outcome.FAILED and words in receipt.reason

    def test_a_code_is_quiet_and_asks_for_nothing(self, standing):
        through_matrix(standing, message=CODE)
        content = standing.shown(standing.direct(ANA))["content"]
        assert content["msgtype"] == "m.notice" and "123456" in content["body"] and matrix_words.HOW not in content["body"]

    def test_what_somebody_took_is_replaced(self, standing):
        gateway, account, receipt = through_matrix(standing)
        for _ in range(2):
            assert gateway.change(account, Sent("", receipt.provider_id, ""), PAGE, "Ben has it").outcome is Outcome.DELIVERED
        content = standing.shown(standing.direct(ANA))["content"]
        assert content["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$event0"} and len(standing.events) == 2
        assert "Ben has it" in content["m.new_content"]["body"] and PAGE.link not in content["m.new_content"]["body"]

    @pytest.mark.parametrize(
        ("told", "outcome", "wait"),
        [
            (Told(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "x"}), Outcome.REFUSED, None),
            (Told(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 86_400_000}), Outcome.RETRY, 86_400.0),
            (Told(403, {"errcode": "M_FORBIDDEN", "error": "x"}), Outcome.FAILED, None),
            (Told(502, b"<html>"), Outcome.RETRY, None),
            (Told(404, b"<html>"), Outcome.RETRY, None),
            (Told(200, {"user": 3}), Outcome.RETRY, None),
        ],
    )
    def test_refusals_and_faults(self, standing, told, outcome, wait):
        standing.instead = [told]
        receipt = through_matrix(standing)[2]
        assert (receipt.outcome, receipt.retry_after) == (outcome, wait)

    def test_reactions_replies_and_short_words_are_heard_once(self, standing):
        gateway, account, receipt = through_matrix(standing)
        room = standing.direct(ANA)
        standing.write(room, ANA, "ack")
        since, said = gateway.hear(account, [room], "", 0)
        assert said == []  # without a mark a word may be from long ago
        for happens, what in (
            (standing.react, "👍🏽"),
            (standing.reply, "Escalate"),
            (standing.write, "!ack"),
            (standing.write, "lunch?"),
            (standing.react, "🎉"),
        ):
            happens(room, ANA, what)
        standing.happens(room, ANA, "m.room.message", {"msgtype": "m.notice", "body": "ack"})
        standing.happens("!ops:larkfield.example", ANA, "m.room.message", {"msgtype": "m.text", "body": "ack"})
        since, said = gateway.hear(account, [room], since, 0)
        to = receipt.provider_id
        assert len({one.event for one in said}) == 3
        assert [replace(one, event="") for one in said] == [
            Heard(Wish(Verb.ACKNOWLEDGE), ANA, room, to),
            Heard(Wish(Verb.ESCALATE), ANA, room, to),
            Heard(Wish(Verb.ACKNOWLEDGE), ANA, room),
        ]
        assert gateway.hear(account, [room], since, 0)[1] == []

    def test_a_sync_that_fails_is_a_receipt(self, standing):
        gateway, account, _ = through_matrix(standing)
        standing.token = "another"
        assert gateway.hear(account, ["!x:y"], "", 0).outcome is Outcome.REFUSED

    def test_answers_of_any_shape_are_read(self, standing):
        for rooms in (
            None,
            [],
            {"join": 1},
            {
                "join": {
                    "!r:x": {
                        "timeline": {
                            "events": [
                                1,
                                {"type": "m.reaction"},
                                {"type": "m.room.message", "sender": ANA, "content": {"msgtype": "m.text", "body": 3}},
                            ]
                        }
                    }
                }
            },
        ):
            assert matrix_words.heard({"rooms": rooms}, homeserver.US, only_answers=False) == []


def test_addresses_in_matrix():
    assert matrix.check_address("@ana:example.com") == "@ana:example.com"
    assert matrix.GATEWAY.check_room("#ops:example.com") == "#ops:example.com"
    for wrong in ("ana", "@ana", "@ana:exam ple", "#ops:example.com", "@:x"):
        with pytest.raises(ValueError, match="Matrix ID"):
            matrix.check_address(wrong)
