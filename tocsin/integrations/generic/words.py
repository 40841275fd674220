"""By which names do programs call the fields of an alert, and in which words do they say how it stands and how bad it is?"""

from __future__ import annotations

import re
from functools import lru_cache

from tocsin.domain.alerts import EventStatus, SourceSeverity

# Names as `folded` writes them: small letters, words joined by an underscore. Earlier names count for more.
TITLES = (
    "title", "summary", "subject", "headline", "alert_title", "alert_name", "alertname", "alert_summary", "incident_title", "event_title",
    "problem_title", "rule_name", "monitor_name", "check_name", "trigger_name", "policy_name", "event_name", "alarm_name", "short_description",
    "display_name", "friendly_name", "job_name",
)  # fmt: skip
WEAK_TITLES = (
    "name", "message", "msg", "description", "short_message", "text", "details", "reason", "event", "alert", "check", "monitor", "content",
    "body", "output", "titulo", "titre", "titel", "betreff", "mensaje", "nachricht", "type",
)  # fmt: skip
KEYS = (
    "dedup_key", "dedupe_key", "deduplication_key", "deduplication_id", "key", "alert_key", "alert_uid", "fingerprint", "alias", "incident_key",
    "aggregation_key", "correlation_key", "group_key", "problem_id", "incident_id", "alert_id", "entity_id", "external_id", "unique_id", "uuid",
    "uid", "guid", "event_id", "id",
)  # fmt: skip
SEVERITIES = (
    "severity", "alert_severity", "severity_name", "priority", "alert_priority", "level", "log_level", "urgency", "criticality", "importance",
    "impact", "sev", "prio", "gravity", "severidad", "schweregrad", "gravite", "prioridad", "prioritaet",
)  # fmt: skip
STATES = (
    "status", "state", "alert_status", "alert_state", "incident_status", "incident_state", "current_state", "current_status", "new_state",
    "new_status", "new_state_value", "condition_state", "check_status", "monitor_status", "problem_status", "trigger_status", "alert_transition",
    "transition", "event_action", "notification_type", "estado", "etat", "statut", "zustand",
)  # fmt: skip
WEAK_STATES = ("action", "event_type", "alert_type", "type", "event", "event_name", "trigger", "result", "health")
ENDED = (
    "resolved",
    "is_resolved",
    "recovered",
    "closed",
    "is_closed",
    "cleared",
    "ok",
    "is_ok",
    "healthy",
    "is_healthy",
    "success",
    "up",
    "is_up",
)
ONGOING = (
    "firing",
    "is_firing",
    "alerting",
    "active",
    "is_active",
    "triggered",
    "is_triggered",
    "down",
    "is_down",
    "failing",
    "failed",
    "problem",
)
CODES = ("exit_code", "exit_status", "return_code", "rc", "check_state", "service_state_id", "host_state_id", "state_id")  # 0 is well
HTTP_CODES = ("status_code", "http_status", "http_code", "response_code", "http_status_code")
STARTS = (
    "started_at", "starts_at", "start_time", "start_at", "started", "start", "fired_at", "triggered_at", "opened_at", "active_at", "first_seen",
    "timestamp", "time", "datetime", "date_time", "date", "created_at", "created", "occurred_at", "event_time", "ts", "last_event", "updated_at",
)  # fmt: skip
LINKS = (
    "link", "url", "link_to_upstream_details", "alert_url", "incident_url", "event_url", "monitor_url", "dashboard_url", "panel_url",
    "permalink", "html_url", "web_url", "weblink", "details_url", "generator_url", "external_url", "console_url", "href", "report_url", "target_url",
)  # fmt: skip
SERVICES = (
    "service", "service_name", "application", "application_name", "app", "app_name", "project", "project_name", "component", "resource_name",
    "cluster", "job", "entity", "host", "hostname", "host_name", "server", "node", "instance", "device", "source", "check_name",
)  # fmt: skip
RUNBOOKS = ("runbook_url", "runbook", "run_book", "playbook_url", "playbook", "documentation_url", "documentation")
LABELS = ("labels", "tags", "common_labels", "dimensions", "metadata")
TEXTS = ("annotations", "common_annotations")  # holds what people read: summary, runbook_url
CONTAINERS = (
    "alert", "incident", "event", "problem", "issue", "alarm", "monitor", "check", "trigger", "data", "payload", "attributes", "detail", "details",
    "body", "message", "notification", "result", "object", "resource", "item", "content", "heartbeat", "essentials", "record", "value",
)  # fmt: skip
LISTS = (
    "alerts", "events", "incidents", "problems", "alarms", "items", "notifications", "records", "issues", "messages", "entries", "data", "results",
    "hits", "values", "payload",
)  # fmt: skip

_STATE_WORDS: dict[EventStatus, str] = {
    "resolved": "resolved resolve resolution ok okay close closed recover recovered recovery up healthy normal clear cleared success successful"
    " succeeded inactive fixed passed passing done completed complete ended end restored solved operational online good green available"
    " resuelto resuelta solucionado recuperado cerrado normalizado resolu resolue retabli ferme termine gelost geloest behoben geschlossen erholt"
    " beendet risolto chiuso ripristinato resolvido resolvida fechado opgelost hersteld gesloten rozwiazany zamkniety lost loest atgardad lose"
    " 解決 復旧 解决 已解决 恢复 已恢复 正常 해결 해결됨 복구 решено решена восстановлено закрыто закрыт норма вирішено",
    "acknowledged": "acknowledged acknowledge ack acked acknowledgement reconocido acquitte bestatigt bestaetigt quittiert riconosciuto reconhecido"
    " 確認済み 已确认 확인됨 подтверждено подтвержден",
    "firing": "firing fire fired trigger triggered alerting alert alarm open opened reopen reopened active problem down critical crit error err warning"
    " warn failed failure failing fail new unhealthy unresolved unavailable offline bad red started start begin raised raise fatal emergency major"
    " minor disaster degraded outage unreachable timeout create created insufficient unsolved broken crashed unknown_state activated"
    " activo activa abierto alerta critico fallo caido error actif active ouvert alerte critique panne echec offen aktiv kritisch fehler ausgefallen"
    " ausgelost ausgeloest storung stoerung attivo aperto critico errore aberto ativo erro falha actief storing otwarty awaria aktywny"
    " 発生 障害 異常 警告 告警 报警 故障 异常 触发 장애 발생 경고 авария проблема ошибка сбой критично тревога",
}
STATUSES: dict[str, EventStatus] = {word: status for status, words in reversed(_STATE_WORDS.items()) for word in words.split()}
_NEGATIONS = frozenset({"not", "no", "non", "un", "never", "nicht", "kein"})
_SEVERITY_WORDS: dict[SourceSeverity, str] = {
    "critical": "critical crit fatal emergency emerg disaster page p0 p1 sev0 urgent highest blocker catastrophic down kritisch critico critica critique"
    " alert panic 致命 严重 紧急 重大 緊急 심각 критический критично авария",
    "error": "error err high major p2 sev1 severe important failure hoch alto alta eleve haut fehler erreur errore erro 高 错误 エラー 높음 высокий ошибка",
    "warning": "warning warn medium average moderate minor p3 sev2 degraded mittel warnung medio media moyen avertissement attention aviso advertencia"
    " avviso 中 警告 注意 경고 средний предупреждение",
    "info": "info informational information low notice debug trace none ok p4 p5 sev3 sev4 lowest trivial niedrig gering bajo baja faible basso baixo hinweis"
    " 低 信息 提示 情報 낮음 низкий информация",
}
SEVERITY_WORDS: dict[str, SourceSeverity] = {word: level for level, words in _SEVERITY_WORDS.items() for word in words.split()}
_PRIORITIES: dict[str, SourceSeverity] = {"0": "critical", "1": "critical", "2": "error", "3": "warning", "4": "info", "5": "info"}
_CODE_SEVERITIES: dict[int, SourceSeverity] = {1: "warning", 2: "critical", 3: "warning"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_A_WORD = re.compile(r"[^\w]+|_+")
_ACCENTS = str.maketrans("áàâäãåéèêëíìîïóòôöõúùûüçñßśłąęóżź", "aaaaaaeeeeiiiiooooouuuucnsslaeozz")
_PREFIX = re.compile(
    r"\s*[^\w\s\[(]{0,4}\s*(?:[\[(]\s*([\w ]{1,20}?)\s*(?::\s*\d+\s*)?[\])]\s*[:\-–—]?|([\w]{1,20})\s*(?::|\s[-–—]\s))\s*(?=\S)"
)


@lru_cache(maxsize=4000)
def folded(name: str) -> str:
    """A field's name in one form: `alertName`, `Alert-Name` and `ALERT NAME` are all `alert_name`."""
    return "_".join(part for part in _NOT_A_WORD.split(_HUMP.sub("_", name[:100]) if not name.isupper() else name) if part).lower()


def _parts(said: str) -> list[str]:
    return [part for part in _NOT_A_WORD.split(said.lower().translate(_ACCENTS)) if part]


def status_of(said: str) -> EventStatus | None:
    """What a state means, in whatever language: one word, or a few of which one is known (`incident.resolved`, `Status: DOWN`)."""
    parts = _parts(said)
    if not parts or len(parts) > 5:
        return None
    if len(parts) == 1 and parts[0] in STATUSES:
        return STATUSES[parts[0]]
    found = {STATUSES[part] for part in parts if part in STATUSES}
    if not found:
        return None
    if _NEGATIONS & set(parts):
        return "firing"
    return next(status for status in ("resolved", "acknowledged", "firing") if status in found)  # type: ignore[return-value]


def severity_of(name: str, said: str) -> SourceSeverity | None:
    """What a word for how bad it is means; a number is understood as a priority alone (1 is the worst)."""
    parts = _parts(said)
    if not parts or len(parts) > 6:
        return None
    if len(parts) == 1 and parts[0] in _PRIORITIES:
        return _PRIORITIES[parts[0]] if name in ("priority", "alert_priority", "prio") else None
    joined = ["".join(parts[i : i + 2]) for i in range(len(parts) - 1)]  # "SEV-1", "P 1"
    return next((SEVERITY_WORDS[part] for part in [*joined, *parts] if part in SEVERITY_WORDS), None)


def code_severity(code: int) -> SourceSeverity | None:
    """What an exit code of a check means: 1 warning, 2 critical, 3 unknown."""
    return _CODE_SEVERITIES.get(code)


def prefixed(title: str) -> tuple[EventStatus | None, str]:
    """The state that a title begins with (`[RESOLVED] Disk full`, `OK: Disk full`), and the title without it: both ends share it."""
    match = _PREFIX.match(title)
    word = (match[1] or match[2]) if match else ""
    parts = _parts(word)
    if match and len(parts) == 1 and parts[0] in STATUSES:
        return STATUSES[parts[0]], title[match.end() :].strip()
    return None, title
