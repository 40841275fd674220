"""Which address is which page? Every page has a name; each area lives in web/views/<area>.py."""

from django.urls import path

from tocsin.web.views import board, escalation, integrations, more, schedule_edit, schedules, services, oncall_feed

urlpatterns = [
    path("", board.board, name="board"),
    path("more/", more.more, name="more"),
    path("search/", more.search, name="search"),
    path("oncall/<str:token>.ics", oncall_feed.feed, name="oncall_feed"),
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
]
