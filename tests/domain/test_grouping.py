"""Which alerts are one cause? Whatever comes in and in whatever order, nobody who must know is left out, and a cause is not open for ever."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.grouping import HOPS, LONGEST, Cause, Causes, Joins, Leads, Newcomer, Topology, decide, key_of

BEGUN = datetime(2026, 11, 26, 12, tzinfo=UTC)
SERVICES = range(1, 6)

newcomers = st.builds(
    Newcomer,
    service_id=st.sampled_from([None, None, *SERVICES]),
    integration_id=st.integers(1, 2),
    rank=st.integers(0, 4),
    at=st.integers(0, 4500).map(lambda seconds: BEGUN + timedelta(seconds=seconds)),
    minutes=st.sampled_from([0, 1, 5, 30]),
    key=st.sampled_from(["", "", "", "rule 1: host=a", "rule 1: host=b"]),
    rule_policy=st.sampled_from([None, None, None, 1]),
    policy=st.sampled_from([1, 2]),
)
streams = st.lists(newcomers, min_size=8, max_size=30).map(lambda found: sorted(found, key=lambda one: one.at))
chains = st.permutations(SERVICES).map(lambda order: {one: {other} for one, other in pairwise(order)})
dependencies = chains | st.dictionaries(st.sampled_from(SERVICES), st.sets(st.sampled_from(SERVICES), max_size=3), max_size=5)


class Stream:
    """What became of a stream of alerts: the cause of each, and what each cause was as the alert came."""

    def __init__(self, stream: list[Newcomer], depends: dict[int, set[int]]) -> None:
        self.topology, self.causes = Topology(depends), Causes()
        self.all: list[Cause] = []
        self.joined: list[tuple[Newcomer, Cause, Joins]] = []
        self.led: list[tuple[Newcomer, Leads]] = []
        for number, new in enumerate(stream):
            before = {cause.lead: replace(cause) for cause in self.all}
            match decide(new, self.causes, self.topology):
                case Joins() as joins:
                    self.joined.append((new, before[joins.cause.lead], joins))
                case Leads() as leads:
                    self.led.append((new, leads))
                    if new.minutes:
                        cause = Cause(
                            number, new.service_id, new.integration_id, new.key, new.rank, new.at, new.at, new.rule_policy, new.policy
                        )
                        self.causes.add(cause)
                        self.all.append(cause)


@given(streams, dependencies)
def test_each_alert_joins_one_open_cause_or_leads_one_with_a_reason(stream, depends):
    done = Stream(stream, depends)
    assert len(done.joined) + len(done.led) == len(stream)
    assert all(said.why for _, said in done.led) and all(0 < len(joins.why) <= 300 for _, _, joins in done.joined)
    assert all(f"alert {before.lead}" in joins.why for _, before, joins in done.joined)


@given(streams, dependencies)
def test_nothing_joins_a_cause_whose_people_the_rule_does_not_name(stream, depends):
    assert all(new.rule_policy == before.rule_policy for new, before, _ in Stream(stream, depends).joined)


@given(streams, dependencies)
def test_a_cause_is_closed_after_its_minutes_of_quiet_and_an_hour_after_it_began(stream, depends):
    for new, before, _ in Stream(stream, depends).joined:
        assert new.minutes and new.at - before.joined_at <= timedelta(minutes=new.minutes)
        assert new.at - before.began_at <= LONGEST


@given(streams, dependencies)
def test_a_worse_alert_is_said_to_be_worse_exactly_when_it_is(stream, depends):
    for new, before, joins in Stream(stream, depends).joined:
        assert joins.worse == (new.rank < before.rank)
        assert joins.cause.rank <= min(new.rank, before.rank) and joins.cause.joined_at >= new.at


@given(streams, dependencies)
def test_what_a_rule_groups_by_labels_never_mixes_with_anything_else(stream, depends):
    for new, before, _ in Stream(stream, depends).joined:
        assert new.key == before.key
        assert new.service_id == before.service_id or not new.key


@given(streams, dependencies)
def test_alerts_without_a_service_are_grouped_within_their_integration(stream, depends):
    for new, before, _ in Stream(stream, depends).joined:
        if new.service_id is None:
            assert before.service_id is None and before.integration_id == new.integration_id


@given(streams, dependencies)
def test_the_owner_of_what_lies_below_is_paged_unless_the_same_people_were_already(stream, depends):
    done = Stream(stream, depends)
    for new, before, _ in done.joined:
        if new.service_id == before.service_id or before.service_id in done.topology.upstream(new.service_id):
            continue
        assert new.service_id in done.topology.upstream(before.service_id) and before.policy == new.policy


@given(streams)
def test_services_that_do_not_depend_on_one_another_stay_apart(stream):
    assert all(new.service_id == before.service_id for new, before, _ in Stream(stream, {}).joined)


@given(st.lists(st.integers(0, 59), min_size=1, max_size=60).map(sorted), st.integers(1, 5))
def test_a_storm_of_one_service_is_one_cause_with_a_true_count(seconds, service):
    alerts = [Newcomer(service, 1, 2, BEGUN + timedelta(seconds=second), 5, policy=1) for second in seconds]
    done = Stream(alerts, {})
    assert len(done.led) == 1 and Counter(before.lead for _, before, _ in done.joined) == Counter({0: len(alerts) - 1})


@given(streams, dependencies)
def test_an_open_incident_takes_alerts_in_for_longer_than_an_hour(stream, depends):
    topology = Topology(depends)
    for new in stream:
        if new.minutes:
            began = new.at - 2 * LONGEST
            cause = Cause(1, new.service_id, new.integration_id, new.key, 2, began, new.at, new.rule_policy, new.policy)
            assert isinstance(decide(new, Causes([replace(cause)]), topology), Leads)
            assert isinstance(decide(new, Causes([replace(cause, incident=7)]), topology), Joins)


@given(dependencies)
def test_the_topology_is_the_same_seen_from_either_end(depends):
    topology = Topology(depends)
    for one in SERVICES:
        up, down = topology.upstream(one), topology.downstream(one)
        assert one not in up and one not in down and len(set(up)) == len(up)
        assert all(one in topology.downstream(other) for other in up) and all(one in topology.upstream(other) for other in down)
        assert topology.near([one]) == {one, *up, *down}
        assert {topology.region(other) for other in topology.near([one])} == {topology.region(one)}


@given(dependencies, st.sampled_from(SERVICES))
def test_upstream_is_what_lies_within_so_many_hops(depends, service):
    within, border = {service}, {service}
    for _ in range(HOPS):
        border = {used for one in border for used in depends.get(one, ())}
        within |= border
    assert set(Topology(depends).upstream(service)) == within - {service}


labels = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=600), max_size=4)


@given(labels, st.lists(st.text(min_size=1, max_size=5), max_size=4).map(tuple) | st.none(), st.text(max_size=600), st.booleans())
def test_alerts_that_share_what_a_rule_groups_by_share_a_key_of_bounded_length(labels, names, named, service):
    key = key_of(1, names, labels, named, service=service)
    assert len(key) <= 500
    if names is not None:
        assert key == key_of(1, names, {**labels, "something else": "x"}, "elsewhere", service=not service)
        assert key != key_of(2, names, labels, named, service=service)
    elif service:
        assert key == ""
