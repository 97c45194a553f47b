from prometheus_client.parser import text_string_to_metric_families

from segd.actors.figures import Figures
from segd.core.time.instants import parse_timestamp

NOON = parse_timestamp("2026-11-22T12:00:00Z")


def test_the_page_is_as_prometheus_wants_it_from_the_start():
    """What only grows is a counter, by name and by type, and begins at zero."""
    figures = Figures(
        lambda: NOON, at_hand=lambda: (3, 5), watchers=lambda: 2, rejected=lambda: 7, unready=lambda: "away"
    )
    families = {family.name: family for family in text_string_to_metric_families(figures.page().decode())}
    assert all(family.documentation for family in families.values())
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }
    assert {key: value for key, value in values.items() if key[0].startswith("segd_")} == {
        ("segd_events_total", "live"): 0,
        ("segd_events_total", "late"): 0,
        ("segd_log_entries_total", "qualified"): 0,
        ("segd_log_entries_total", "retracted"): 0,
        ("segd_log_entries_total", "corrected"): 0,
        ("segd_qualification_delay_seconds_count",): 0,
        ("segd_qualification_delay_seconds_sum",): 0,
        ("segd_users_at_hand",): 3,
        ("segd_open_windows",): 5,
        ("segd_watchers",): 2,
        ("segd_rejected_messages_total",): 7,
        ("segd_ready",): 0,
    }
    assert families["segd_rejected_messages"].type == "counter"
    assert values["process_open_fds",] > 0
