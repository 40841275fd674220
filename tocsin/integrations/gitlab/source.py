"""What does GitLab say was deployed, released, built or pushed? Change events; issues are tickets; all else changes nothing.

Wire format: docs.gitlab.com/user/project/integrations/webhook_events. `object_kind` names the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj


class GitLab(JsonSource):
    """A project's or a group's webhook."""

    kind = "gitlab"
    label = "GitLab"
    category = "Changes"
    about = "In GitLab, Settings, Webhooks: add this URL for deployment, pipeline, release, tag push and push events:\n{address}"
    docs = "https://docs.gitlab.com/user/project/integrations/webhook_events/"
    sample = {
        "object_kind": "deployment", "status": "success", "deployment_id": 15, "environment": "production", "project": {"path_with_namespace": "shop/checkout"},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event."""
        what = first(item, "object_kind", "event_type", "event_name")
        project = first(item, "project.path_with_namespace", "project.name", "project_name")
        said = obj(item, "object_attributes")
        by, web = first(item, "user.username", "user_username", "user.name", "user_name"), at(item, "project.web_url")
        labels = {"project": project, "by": by}
        if what in ("issue", "incident", "work_item", "note"):
            number = first(said, "iid") or first(item, "issue.iid")
            return event(
                "ticket" if what != "note" or "issue" in item else "none", f"{project}#{number}", item, received,
                title=[said.get("title"), at(item, "issue.title"), f"{project} {what}"], service=project, started=[said.get("created_at")],
                link=[said.get("url")], labels={**labels, "state": first(said, "state"), "action": first(said, "action")},
            )  # fmt: skip
        key, title, more, started, links = _change(what, item, said, project)
        if not key:
            return event("none", what or "none", item, received, title=[f"{project} {what}".strip(), "Message of GitLab"])
        return event(
            "change", key, item, received, title=[title], service=project, started=started, link=[*links, web], labels=labels | more
        )


class _Change(NamedTuple):
    """What a message tells of a change; an empty key: none."""

    key: str = ""
    title: str = ""
    labels: dict[str, Any] = {}
    times: Sequence[Any] = ()
    links: Sequence[Any] = ()


def _change(what: str, item: dict[str, Any], said: dict[str, Any], project: str) -> _Change:
    read = _CHANGES.get(what)
    return read(item, said, project) if read else _Change()


def _pipeline(item: dict[str, Any], said: dict[str, Any], project: str) -> _Change:
    labels = {"branch": first(said, "ref"), "revision": first(said, "sha"), "state": first(said, "status")}
    title = f"{project} pipeline {first(said, 'status')}"
    return _Change(f"pipeline:{first(said, 'id')}", title, labels, [said.get("created_at")], [said.get("url")])


def _deployment(item: dict[str, Any], said: dict[str, Any], project: str) -> _Change:
    where, word = first(item, "environment"), first(item, "status")
    labels = {"environment": where, "revision": first(item, "short_sha"), "state": word}
    links = [item.get("deployable_url"), item.get("environment_external_url")]
    title = f"{project} deployment to {where}: {word}"
    return _Change(f"deployment:{first(item, 'deployment_id')}", title, labels, [item.get("status_changed_at")], links)


def _release(item: dict[str, Any], said: dict[str, Any], project: str) -> _Change:
    tag = first(item, "tag", "name")
    times = [item.get("released_at"), item.get("created_at")]
    return _Change(
        f"release:{first(item, 'id') or tag}", f"{project} {tag} {first(item, 'action')}", {"tag": tag}, times, [item.get("url")]
    )


def _tag(item: dict[str, Any], said: dict[str, Any], project: str) -> _Change:
    return _Change(f"tag:{project}:{_ref(item)}", f"{project} tag {_ref(item)}", _commit(item), [at(item, "commits.0.timestamp")])


def _push(item: dict[str, Any], said: dict[str, Any], project: str) -> _Change:
    branch = _ref(item)
    if branch != (first(item, "project.default_branch") or branch):
        return _Change()
    times, links = [at(item, "commits.0.timestamp")], [at(item, "commits.0.url")]
    return _Change(f"push:{first(item, 'after')}", f"{project} push to {branch}", {**_commit(item), "branch": branch}, times, links)


def _merge(item: dict[str, Any], said: dict[str, Any], project: str) -> _Change:
    if first(said, "action", "state") not in ("merge", "merged"):
        return _Change()
    title = f"{project} merged !{first(said, 'iid')}: {first(said, 'title')}"
    return _Change(f"merge:{first(said, 'id')}", title, {}, [said.get("updated_at")], [said.get("url")])


def _ref(item: dict[str, Any]) -> str:
    return first(item, "ref").removeprefix("refs/heads/").removeprefix("refs/tags/")


def _commit(item: dict[str, Any]) -> dict[str, Any]:
    return {"revision": first(item, "checkout_sha", "after")}


_CHANGES = {
    "pipeline": _pipeline, "deployment": _deployment, "release": _release, "tag_push": _tag, "push": _push, "merge_request": _merge,
}  # fmt: skip
SOURCE = GitLab()
