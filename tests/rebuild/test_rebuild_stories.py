"""Any story, rebuilt since any moment: the tables are as they were; and damaged ones become so again."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from told import OTHER_TABLES, TABLES, Told, after, text, unchanged

pytestmark = pytest.mark.slow  # dozens of stores

# What makes a story hard: times that meet, sources that meet, numbers that are there and some that are not, repeats,
# refusals, signed values, samples of several contexts, times far off, and receptions long after.
WORDS = ["MeterValues"] * 5 + ["StartTransaction"] * 3 + ["StopTransaction"] * 3 + ["StatusNotification"]


def sample(choice: random.Random) -> dict[str, str]:
    kinds: list[dict[str, str]] = [
        {"value": str(choice.randrange(1000, 1010))},
        {"value": f"{choice.random() * 9:.3f}", "unit": "kW", "measurand": "Power.Active.Import"},
        {"value": "7", "measurand": "Current.Import", "phase": choice.choice(["L1", "L2"])},
        {"value": "x"},
        {"value": "AA==", "format": "SignedData"},
    ]
    context = choice.choice(["Sample.Periodic", "Transaction.Begin", "Transaction.End", "Trigger"])
    return {**choice.choice(kinds), "context": context}


def message(choice: random.Random, received: datetime) -> tuple[str, dict[str, object]]:
    action = choice.choice(WORDS)
    # Mostly of the last minutes, on a grid on which they meet; sometimes of days ago, of tomorrow, or absurd.
    ago = choice.choice([0, 60, 120, 3600, 86_400, 3 * 86_400, -3600, -90_000, 10**9])
    minute = received.replace(second=0, microsecond=0)
    time = text(minute - timedelta(seconds=ago))
    number = choice.choice([*range(-1, 12), 0])
    meter_value = [
        {"timestamp": time, "sampledValue": [sample(choice) for _ in range(choice.randrange(1, 4))]}
        for _ in range(choice.randrange(1, 3))
    ]
    match action:
        case "StartTransaction":
            tag = choice.choice(["TAG", "TAG", "BLOCKED"])
            meter = choice.choice([1000, 1000, -1])
            return action, {"connectorId": choice.randrange(1, 3), "idTag": tag, "meterStart": meter, "timestamp": time}
        case "StopTransaction":
            meter = choice.choice([900, 1010, 1020])
            return action, {
                "transactionId": number,
                "meterStop": meter,
                "timestamp": time,
                "transactionData": choice.choice([[], meter_value]),
            }
        case "StatusNotification":
            status = choice.choice(["Available", "Charging"])
            return action, {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": time}
    payload: dict[str, object] = {"connectorId": choice.randrange(3), "meterValue": meter_value}
    return action, payload if number == 0 else {**payload, "transactionId": number}


def tell(story: Told, choice: random.Random, length: int, pause_s: int) -> list[datetime]:
    """Tells a story, projected in batches of any size, and returns when its messages were received."""
    received = after(hours=0)
    heard = []
    for _ in range(length):
        # Distinct, and of microseconds as clocks give them.
        received += timedelta(microseconds=choice.randrange(1, pause_s * 1_000_000))
        action, payload = message(choice, received)
        story.say(choice.randrange(1, 4), action, received, flush=choice.random() < 0.4, **payload)
        heard.append(received)
    story.flush()
    return heard


def damage(story: Told, since: datetime) -> None:
    """Deletes, changes and doubles what was received since a time."""
    story.sql("DELETE FROM datum WHERE received >= ? AND hash(created) % 3 = 0", since)
    story.sql('UPDATE datum SET watts = 1, "wattHours" = NULL WHERE received >= ? AND hash(created) % 3 = 1', since)
    story.sql(
        'DELETE FROM "datumContext" WHERE (created, "sourceId") IN (SELECT created, "sourceId" FROM datum '
        "WHERE received >= ?)",
        since,
    )
    story.sql('DELETE FROM "signedReading" WHERE received >= ?', since)


@contextlib.contextmanager
def new_story() -> Iterator[Told]:
    with TemporaryDirectory() as directory:
        story = Told(Path(directory) / "data")
        try:
            yield story
        finally:
            story.store.close()


@pytest.mark.parametrize("seed", range(8))
def test_any_story_rebuilt_since_any_message_is_as_it_was(seed: int) -> None:
    choice = random.Random(seed)  # noqa: S311 no secret
    with new_story() as story:
        heard = tell(story, choice, 60, choice.choice([20, 600, 30_000]))
        before = story.rows(*TABLES, *OTHER_TABLES)
        since = choice.choice(heard)
        changes = story.rebuild(since)
        assert story.rows(*TABLES, *OTHER_TABLES) == before
        assert all(unchanged(change) for change in changes.values())
        damage(story, since)
        story.rebuild(since)
        assert story.rows(*TABLES, *OTHER_TABLES) == before


@pytest.mark.parametrize("seed", range(8))
def test_a_shortened_ledger_takes_nothing_from_the_tables(seed: int) -> None:
    choice = random.Random(seed)  # noqa: S311 no secret
    with new_story() as story:
        heard = tell(story, choice, 60, 30_000)
        cut = choice.randrange(1, 30)
        story.sql("DELETE FROM ledger WHERE seq <= ?", cut)
        before = story.rows(*TABLES, *OTHER_TABLES)
        since = choice.choice([time for time in heard if time >= heard[cut] + timedelta(days=1)])
        story.rebuild(since)
        assert story.rows(*TABLES, *OTHER_TABLES) == before
