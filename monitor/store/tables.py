"""The tables as the present code reads and writes them; how they came to be is in `migrations/`.

Uniqueness lives here and not in code: one row per (watch, due_at, attempt), one unfinished run per watch, one row per
(event, target). Must not know how a database is opened.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)

from monitor.store.columns import Instant, Name, Number, Packed, Words

metadata = MetaData()

# The wide columns stand last: a list of runs then never walks their overflow pages.
runs = Table(
    "runs",
    metadata,
    Column("id", Name, primary_key=True, nullable=False),
    Column("watch", Name, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("trigger", Name, nullable=False),
    Column("dry", Boolean, nullable=False),
    Column("stage", Name, nullable=False),
    Column("owner", Name, nullable=False),
    Column("generation", Name, nullable=False),
    Column("run_id", Words),
    Column("streaming_url", Words),
    Column("opened_at", Instant),  # NULL: an occurrence that did not run; such rows are no spending
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("updated_at", Instant, nullable=False),
    Column("kind", Name),
    Column("code", Name),
    Column("api_code", Words),
    Column("message", Words),
    Column("steps", Integer),
    Column("verdict", Name),
    Column("reason", Words),
    Column("notifications", Integer, nullable=False),
    Column("goal", Packed),
    Column("changes", Packed),
    Column("violations", Packed),
    Column("result", Packed),
    Column("terminal", Packed),  # the whole Outcome, `terminal.as_json`
    Column("coerced", Packed),
    Column("looks", Packed),  # what each rule made of the record
    Column("progress", Packed),  # the agent's steps as they were shown
    UniqueConstraint("watch", "due_at", "attempt", name="runs_occurrence"),
    CheckConstraint("stage IN ('intent', 'accepted', 'settled', 'judged')", name="runs_stage"),
    CheckConstraint("(stage = 'judged') = (verdict IS NOT NULL)", name="runs_judged"),
    CheckConstraint("attempt >= 1", name="runs_attempt"),
)
UNFINISHED = text("stage <> 'judged'")
Index("runs_unfinished", runs.c.watch, unique=True, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED)
Index("runs_history", runs.c.watch, runs.c.id)
Index("runs_verdicts", runs.c.watch, runs.c.verdict, runs.c.id)
Index("runs_opened", runs.c.opened_at, runs.c.watch, runs.c.steps)  # spending by day and watch, without the rows
Index("runs_remote", runs.c.run_id)
# A query uses this index only where it carries exactly this text.
NEWS = text("verdict IN ('CHANGED', 'INVALID', 'FAILED')")
Index("runs_news", runs.c.verdict, runs.c.id, sqlite_where=NEWS, postgresql_where=NEWS)

watch_state = Table(
    "watch_state",
    metadata,
    Column("watch", Name, primary_key=True, nullable=False),
    Column("generation", Name, nullable=False),
    Column("baseline_run", Name, ForeignKey("runs.id")),
    Column("failures", Integer, nullable=False),
    Column("incident_id", Name),
    Column("incident_opened_at", Instant),
    Column("incident_code", Name),
    Column("incident_announced", Boolean),
    Column("last_run", Name, ForeignKey("runs.id")),  # the newest run that was made; skips do not move it
    Column("last_good_at", Instant),
    Column("updated_at", Instant, nullable=False),
    Column("memory", Packed),  # what rules, confirmation and drift remember, `memory.as_json`
)
# For the foreign keys: without them, deleting a record walks through every watch.
Index("watch_state_baseline_run", watch_state.c.baseline_run)
Index("watch_state_last_run", watch_state.c.last_run)

retries = Table(
    "retries",
    metadata,
    Column("watch", Name, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("run", Name, nullable=False),  # the id that the run will have
    Column("trigger", Name, nullable=False),
    Column("at", Instant, nullable=False),
    Column("reason", Words, nullable=False),
    PrimaryKeyConstraint("watch", "due_at", "attempt", name="retries_occurrence"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True, nullable=False),
    Column("event", Name, nullable=False),
    Column("run", Name, ForeignKey("runs.id"), nullable=False),
    Column("watch", Name, nullable=False),
    Column("target", Words, nullable=False),
    Column("kind", Name, nullable=False),
    Column("title", Words, nullable=False),
    Column("body", Words, nullable=False),
    Column("state", Name, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("error", Words),
    Column("sender", Name),
    Column("repeat", Boolean, nullable=False),
    Column("refused_by", Name),  # of a dead letter: the digest of the target's definition; empty where it had none
    Column("first_at", Instant),  # when it was first tried: the days until it is given up count from here
    Column("dropped_at", Instant),  # somebody closed it without a delivery
    Column("accepted", Words),  # digests of the recipients that took it, of a target that has several
    Column("cause", Name),  # what watches fail of together, such as `SITE shop.example`; digests group by it
    UniqueConstraint("event", "target", name="outbox_event_target"),
    CheckConstraint("state IN ('pending', 'sending', 'done', 'dead')", name="outbox_state"),
    CheckConstraint("(state = 'sending') = (sender IS NOT NULL)", name="outbox_sender"),
    sqlite_autoincrement=True,  # an id is never used twice, also after old rows were pruned
)
OPEN = text("state IN ('pending', 'sending')")
Index("outbox_open", outbox.c.watch, outbox.c.target, outbox.c.id, sqlite_where=OPEN, postgresql_where=OPEN)
Index("outbox_waiting", outbox.c.target, outbox.c.id, sqlite_where=OPEN, postgresql_where=OPEN)
Index("outbox_states", outbox.c.state, outbox.c.next_at)
Index("outbox_run", outbox.c.run)
Index("outbox_watch", outbox.c.watch, outbox.c.id)

# A target that refused a message for good, until it takes one again (reliability.md C4).
refusals = Table(
    "refusals",
    metadata,
    Column("target", Words, primary_key=True, nullable=False),
    Column("since", Instant, nullable=False),
    Column("error", Words, nullable=False),
    Column("whole", Boolean, nullable=False),  # it takes nothing at all, or refused one message for its content
    Column("announced", Boolean, nullable=False),  # the other targets were told
)

# A watch that somebody silenced; `until` NULL is until it is resumed by hand.
pauses = Table(
    "pauses",
    metadata,
    Column("watch", Name, primary_key=True, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
)

marks = Table(
    "marks",
    metadata,
    Column("name", Name, primary_key=True, nullable=False),
    Column("at", Instant, nullable=False),
)

# An open stop: no run is started while its row exists (reliability.md A6).
stops = Table(
    "stops",
    metadata,
    Column("kind", Name, primary_key=True, nullable=False),
    Column("code", Name, nullable=False),
    Column("message", Words, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("probe_at", Instant, nullable=False),
    Column("key_digest", Name),
    Column("run", Name, ForeignKey("runs.id"), nullable=False),
    CheckConstraint("kind IN ('auth', 'billing')", name="stops_kind"),
)
Index("stops_run", stops.c.run)

# What is told once, such as a ceiling on one day; the key says what.
notices = Table(
    "notices",
    metadata,
    Column("key", Name, primary_key=True, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("notices_at", notices.c.at)

# What a record said before it was judged again; nothing of it is ever changed.
judgements = Table(
    "judgements",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True, nullable=False),
    Column("run", Name, ForeignKey("runs.id"), nullable=False),
    Column("replaced_at", Instant, nullable=False),
    Column("generation", Name, nullable=False),
    Column("verdict", Name, nullable=False),
    Column("code", Name),
    Column("reason", Words, nullable=False),
    Column("changes", Packed),
    Column("violations", Packed),
    Column("result", Packed),
    sqlite_autoincrement=True,
)
Index("judgements_run", judgements.c.run, judgements.c.id)

# What the daemon runs, without what it says: digests by field (a definition may hold secrets).
definitions = Table(
    "definitions",
    metadata,
    Column("watch", Name, primary_key=True, nullable=False),
    Column("digests", Packed, nullable=False),
    Column("runs_a_month", Integer, nullable=False),
    Column("loaded_at", Instant, nullable=False),
)

# What people ordered, by whom and when; `result` is NULL until it is carried out.
orders = Table(
    "orders",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True, nullable=False),
    Column("at", Instant, nullable=False),
    Column("who", Words, nullable=False),
    Column("action", Name, nullable=False),
    Column("subject", Name, nullable=False),
    Column("watch", Name, nullable=False),  # empty where it concerns none, such as the test of a target
    Column("result", Words),
    sqlite_autoincrement=True,
)
Index("orders_watch", orders.c.watch, orders.c.id)

# When the daemon last read the definitions anew, and what it made of them; one row, `name` is always "last".
reloads = Table(
    "reloads",
    metadata,
    Column("name", Name, primary_key=True, nullable=False),
    Column("at", Instant, nullable=False),
    Column("said", Packed, nullable=False),
)

# The processes that write: who they are, their newest sign of life, and how many transactions they committed. Where the
# row is gone, the process was taken for dead and writes no more. Only PostgreSQL needs them: a file has locks.
writers = Table(
    "writers",
    metadata,
    Column("id", Name, primary_key=True, nullable=False),
    Column("host", Name, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("commits", Number, nullable=False),
)
