"""Which address is which page? Every page has a name; each area lives in web/views/<area>.py."""

from django.urls import path

from tocsin.web.views import (
    alerts,
    board,
    declare,
    escalation,
    events,
    incident,
    incident_forms,
    incidents,
    integrations,
    more,
    oncall_feed,
    page_person,
    page_to_acknowledge,
    procedure,
    schedule_edit,
    schedules,
    services,
    update,
)

urlpatterns = [
    path("", board.board, name="board"),
    path("more/", more.more, name="more"),
    path("search/", more.search, name="search"),
    path("oncall/<str:token>.ics", oncall_feed.feed, name="oncall_feed"),
    # incidents
    path("incidents/", incidents.incidents, name="incidents"),
    path("incidents/<str:ref>/", incident.incident, name="incident"),
    path("incidents/<str:ref>/conformance/", incident.conformance, name="incident_conformance"),
    path("incidents/<str:ref>/update/", update.update, name="incident_update"),
    path("incidents/<str:ref>/do/<slug:deed>/", incident_forms.do, name="incident_do"),
    path("declare/", declare.declare, name="declare"),
    # alerts and the events behind them
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<int:alert_id>/", alerts.alert, name="alert"),
    path("alerts/<int:alert_id>/do/<slug:deed>/", alerts.do, name="alert_do"),
    path("events/<int:event_id>/", events.event, name="event"),
    path("events/<int:event_id>/replay/", events.replay, name="event_replay"),
    # paging
    path("page/", page_person.page_person, name="page_person"),
    path("ack/<str:token>/", page_to_acknowledge.page_to_acknowledge, name="page_to_acknowledge"),
    # on call and escalation
    path("schedules/", schedules.schedules, name="schedules"),
    path("schedules/new/", schedule_edit.new, name="schedule_new"),
    path("schedules/<int:schedule_id>/", schedules.schedule, name="schedule"),
    path("schedules/<int:schedule_id>/rotations/", schedule_edit.edit, name="schedule_edit"),
    path("escalation-policies/", escalation.policies, name="escalation_policies"),
    path("escalation-policies/new/", escalation.new, name="escalation_policy_new"),
    path("escalation-policies/<int:policy_id>/", escalation.policy, name="escalation_policy"),
    # where events come from, and what they are about
    path("services/", services.services, name="services"),
    path("services/new/", services.new, name="service_new"),
    path("services/<int:service_id>/", services.service, name="service"),
    path("integrations/", integrations.integrations, name="integrations"),
    path("integrations/new/", integrations.new, name="integration_new"),
    path("integrations/<int:integration_id>/", integrations.integration, name="integration"),
    # the procedure
    path("procedure/", procedure.procedure, name="procedure"),
    path("procedure/v<int:number>/compare/", procedure.compare, name="procedure_compare"),
    path("procedure/v<int:number>.<slug:form>", procedure.export, name="procedure_export"),
    path("procedure/draft/", procedure.new_draft, name="procedure_new_draft"),
    path("procedure/draft/<int:draft_id>/", procedure.draft, name="procedure_draft"),
]
