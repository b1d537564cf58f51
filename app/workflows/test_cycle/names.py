"""What the activities are called: their types in Temporal, and so in statistics and bottlenecks."""

from __future__ import annotations

DRAFT = "draft_attributes"
SAVE = "save_attributes"
SCOPE = "scope_report"
SAMPLE = "select_samples"
OWN = "identify_owners"
REQUEST = "prepare_requests"
TEST = "execute_tests"
OBSERVE = "raise_observations"
CONCLUDE = "write_report"
UNDO = "undo_phase"
WRITE_NOTICE = "write_notice"
SEND = "send_mail"
