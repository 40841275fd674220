"""What does GitHub say was deployed, released, built or pushed? Change events; issues are tickets; all else changes nothing.

Wire format: docs.github.com/webhooks "Webhook events and payloads". The header X-GitHub-Event names the event; without it the body does.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations import reading
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj

KNOWN = (
    "deployment_status",
    "deployment",
    "workflow_run",
    "release",
    "pull_request",
    "issue",
    "head_commit",
    "package",
    "registry_package",
)
TICKETS = ("issue", "issues", "issue_comment")


class GitHub(JsonSource):
    """A repository's or an organisation's webhook."""

    kind = "github"
    label = "GitHub"
    category = "Changes"
    about = (
        "In GitHub, Settings, Webhooks: add one with this payload URL, content type application/json, for deployments, deployment statuses,\n"
        "workflow runs, releases and pushes:\n{address}"
    )
    docs = "https://docs.github.com/webhooks/webhook-events-and-payloads"
    sample = {
        "action": "created", "repository": {"full_name": "example/shop"},
        "deployment": {"id": 145988746, "environment": "production", "ref": "main", "sha": "f95f852b", "creator": {"login": "ada"}},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event."""
        what = received.headers.get("x-github-event", "") or next((name for name in KNOWN if name in item), "")
        repository = first(item, "repository.full_name", "repository.name", "organization.login")
        read = {
            "deployment": _deployment, "deployment_status": _deployment, "release": _release, "workflow_run": _workflow, "push": _push,
            "head_commit": _push, "pull_request": _pull, "package": _package, "registry_package": _package,
        }.get(what)  # fmt: skip
        if what in TICKETS:
            issue = obj(item, "issue")
            return event(
                "ticket", f"{repository}#{first(issue, 'number')}", item, received, title=[issue.get("title"), "Issue of GitHub"], service=repository,
                started=[issue.get("created_at")], link=[issue.get("html_url")], labels={"state": issue.get("state"), "action": item.get("action")},
            )  # fmt: skip
        said = read(item, repository, received) if read else None
        return said or event(
            "none", what or "none", item, received, title=[item.get("zen"), f"{repository} {what}".strip(), "Message of GitHub"]
        )


def _deployment(item: dict[str, Any], repository: str, received: Received) -> Event | None:
    deployment, status = obj(item, "deployment"), obj(item, "deployment_status")
    said = first(status, "state")
    where = first(status, "environment") or first(deployment, "environment")
    links = [status.get("environment_url"), status.get("target_url"), status.get("log_url")] if status else []
    return event(
        "change", "deployment:" + first(deployment, "id"), item, received,
        title=[f"{repository} deployment to {where}" + (f": {said}" if said else "")], service=repository,
        started=[status.get("created_at"), deployment.get("created_at")], link=[*links, deployment.get("url")],
        labels={
            "repository": repository, "environment": where, "ref": first(deployment, "ref"), "revision": first(deployment, "sha"), "state": said,
            "by": first(status, "creator.login") or first(deployment, "creator.login"),
        },
    )  # fmt: skip


def _release(item: dict[str, Any], repository: str, received: Received) -> Event | None:
    release, action = obj(item, "release"), first(item, "action")
    if action not in ("published", "released", "unpublished", "deleted"):
        return None
    return event(
        "change", "release:" + first(release, "id"), item, received, title=[f"{repository} {first(release, 'tag_name', 'name')} {action}"],
        service=repository, started=[release.get("published_at"), release.get("created_at")], link=[release.get("html_url")],
        labels={"repository": repository, "tag": first(release, "tag_name"), "by": first(release, "author.login")},
    )  # fmt: skip


def _workflow(item: dict[str, Any], repository: str, received: Received) -> Event | None:
    run = obj(item, "workflow_run")
    if first(item, "action") not in ("completed", "") or first(run, "status") not in ("completed", ""):
        return None
    said = first(run, "conclusion")
    return event(
        "change", "workflow_run:" + first(run, "id"), item, received, title=[f"{repository} {first(run, 'name')}: {said}"], service=repository,
        started=[run.get("run_started_at"), run.get("created_at")], link=[run.get("html_url")],
        labels={"repository": repository, "branch": first(run, "head_branch"), "revision": first(run, "head_sha"), "by": first(run, "actor.login"), "state": said},
    )  # fmt: skip


def _push(item: dict[str, Any], repository: str, received: Received) -> Event | None:
    branch, usual = first(item, "ref").removeprefix("refs/heads/"), first(item, "repository.default_branch", "repository.master_branch")
    if usual and branch != usual:
        return None
    message = reading.first_line(at(item, "head_commit.message"))
    return event(
        "change", "push:" + first(item, "after"), item, received, title=[f"{repository} push to {branch}" + (f": {message}" if message else "")],
        service=repository, started=[at(item, "head_commit.timestamp")], link=[item.get("compare"), at(item, "head_commit.url")],
        labels={"repository": repository, "branch": branch, "revision": first(item, "after"), "by": first(item, "pusher.name", "sender.login")},
    )  # fmt: skip


def _pull(item: dict[str, Any], repository: str, received: Received) -> Event | None:
    pull = obj(item, "pull_request")
    if first(item, "action") != "closed" or pull.get("merged") is not True:
        return None
    return event(
        "change", "pull:" + first(pull, "id"), item, received, title=[f"{repository} merged #{first(pull, 'number')}: {first(pull, 'title')}"],
        service=repository, started=[pull.get("merged_at")], link=[pull.get("html_url")],
        labels={"repository": repository, "branch": first(pull, "base.ref"), "revision": first(pull, "merge_commit_sha"), "by": first(pull, "merged_by.login")},
    )  # fmt: skip


def _package(item: dict[str, Any], repository: str, received: Received) -> Event | None:
    package = obj(item, "package") or obj(item, "registry_package")
    name, version = first(package, "name"), first(package, "package_version.version", "package_version.name")
    return event(
        "change", f"package:{first(package, 'id')}:{version}", item, received, title=[f"{repository} package {name} {version} published"],
        service=repository, started=[package.get("updated_at")], link=[package.get("html_url")], labels={"repository": repository, "package": name},
    )  # fmt: skip


SOURCE = GitHub()
