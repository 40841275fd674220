"""What does GitLab say was deployed, released, built or pushed? Change events; issues are tickets; all else changes nothing.

Wire format: docs.gitlab.com/user/project/integrations/webhook_events. `object_kind` names the event.
"""

from __future__ import annotations

from typing import Any

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


def _change(what: str, item: dict[str, Any], said: dict[str, Any], project: str) -> tuple[str, str, dict[str, Any], list[Any], list[Any]]:
    """The key (empty: no change), the title, labels, times and links of a change."""
    ref, commit = (
        first(item, "ref").removeprefix("refs/heads/").removeprefix("refs/tags/"),
        {"revision": first(item, "checkout_sha", "after")},
    )
    if what == "pipeline":
        more = {"branch": first(said, "ref"), "revision": first(said, "sha"), "state": first(said, "status")}
        return (
            f"pipeline:{first(said, 'id')}",
            f"{project} pipeline {first(said, 'status')}",
            more,
            [said.get("created_at")],
            [said.get("url")],
        )
    if what == "deployment":
        where, word = first(item, "environment"), first(item, "status")
        more = {"environment": where, "revision": first(item, "short_sha"), "state": word}
        title = f"{project} deployment to {where}: {word}"
        return (
            f"deployment:{first(item, 'deployment_id')}",
            title,
            more,
            [item.get("status_changed_at")],
            [item.get("deployable_url"), item.get("environment_external_url")],
        )
    if what == "release":
        tag = first(item, "tag", "name")
        return (
            f"release:{first(item, 'id') or tag}",
            f"{project} {tag} {first(item, 'action')}",
            {"tag": tag},
            [item.get("released_at"), item.get("created_at")],
            [item.get("url")],
        )
    if what == "tag_push":
        return f"tag:{project}:{ref}", f"{project} tag {ref}", commit, [at(item, "commits.0.timestamp")], []
    if what == "push" and ref == (first(item, "project.default_branch") or ref):
        return (
            f"push:{first(item, 'after')}",
            f"{project} push to {ref}",
            {**commit, "branch": ref},
            [at(item, "commits.0.timestamp")],
            [at(item, "commits.0.url")],
        )
    if what == "merge_request" and first(said, "action", "state") in ("merge", "merged"):
        number = first(said, "iid")
        return (
            f"merge:{first(said, 'id')}",
            f"{project} merged !{number}: {first(said, 'title')}",
            {},
            [said.get("updated_at")],
            [said.get("url")],
        )
    return "", "", {}, [], []


SOURCE = GitLab()
