"""A template that somebody wrote says plain values; it reaches nothing, ends soon, and never makes more than it may."""

from __future__ import annotations

import time

import pytest

from tocsin.lib import templates
from tocsin.lib.templates import BadTemplateError

VALUES = {"title": "Payments <b>", "labels": {"host": "db-1"}, "secret_free": [1, 2]}


def test_it_says_the_values_and_what_is_missing_is_empty():
    assert templates.render("{{ title }} on {{ labels.host }}{{ labels.nothing.below }}", VALUES) == "Payments <b> on db-1"
    assert templates.render("{{ title }}", VALUES, form="xml") == "Payments &lt;b&gt;"


@pytest.mark.parametrize(
    "bomb",
    [
        "{% for a in '" + "x" * 1000 + "' %}{% for b in '" + "x" * 1000 + "' %}y{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'x' * 100000000 }}",
        "{% set ns = namespace() %}",
        "{{ debug() }}",
        "{{ range(100000000) }}",
        "{% include '/etc/passwd' %}",
        "{{ title",
    ],
)
def test_a_bomb_ends_soon_with_a_sentence(bomb):
    begun = time.thread_time()
    with pytest.raises(BadTemplateError):
        templates.render(bomb, VALUES)
    assert time.thread_time() - begun < 0.5


@pytest.mark.parametrize("reach", ["title.__class__", "title.__class__.__mro__", "labels.keys.__globals__", "secret_free.append.__self__"])
def test_nothing_of_the_interpreter_can_be_reached(reach):
    assert templates.render("{{ " + reach + " }}", VALUES) == ""


def test_more_than_64_kilobytes_are_refused():
    with pytest.raises(BadTemplateError, match="65,536"):
        templates.render("{{ long }}", {"long": "x" * (templates.LONGEST_MADE + 1)})
