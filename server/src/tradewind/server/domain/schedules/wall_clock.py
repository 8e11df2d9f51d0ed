"""Wall clocks: when the clock of a time zone reaches a time, also where it jumps forward or is set back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


def zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        ValueError: the IANA time zone database has no such name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"timezone {name!r} is not in the IANA time zone database; write a name such as Europe/Vienna or UTC"
        ) from None


def wall_time(moment: datetime, place: ZoneInfo) -> datetime:
    """What the clock of a time zone shows at a moment, without the zone."""
    return moment.astimezone(place).replace(tzinfo=None)


def reached(wall: datetime, place: ZoneInfo) -> datetime:
    """The first moment, in UTC, at which the clock of a time zone shows this time or a later one.

    A time that occurs twice, because the clock was set back, is reached at the first of the two. A time that the clock
    jumps over is reached at the jump. So a later time is never reached earlier.

    Args:
        wall: without a zone.
        place: the time zone.
    """
    moment = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    if wall_time(moment, place) == wall:
        return moment
    return _jump(moment, place)


def last_meant(wall: datetime, place: ZoneInfo) -> datetime:
    """The last moment, in UTC, that somebody may mean by this time on the clock of a time zone.

    Of a time that occurs twice it is the second. A time that the clock jumps over is as long after the jump as it
    would be without one: half past two, of a clock that goes from two to three, is half past three.

    Args:
        wall: without a zone.
        place: the time zone.
    """
    return max(wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))


def _jump(after: datetime, place: ZoneInfo) -> datetime:
    """The jump forward shortly before a moment, to the second."""
    offset = after.astimezone(place).utcoffset()
    # No clock has ever jumped by more than a day.
    before = after - timedelta(days=1, seconds=1)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(place).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def shown_at(wall: datetime, place: ZoneInfo) -> list[datetime]:
    """The moments, in UTC, at which the clock of a time zone shows a time: none, one, or two where it is set back.

    Args:
        wall: without a zone.
        place: the time zone.
    """
    found = {wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(moment for moment in found if wall_time(moment, place) == wall)


def jumped(moment: datetime, place: ZoneInfo) -> timedelta:
    """By how much the clock has jumped forward within the day before a moment; nothing at most."""
    now = moment.astimezone(place).utcoffset()
    before = (moment - _DAY).astimezone(place).utcoffset()
    return max(now - before, timedelta()) if now is not None and before is not None else timedelta()


def set_back(moment: datetime, place: ZoneInfo) -> timedelta:
    """By how much the clock is set back, at a moment whose time it shows twice; nothing at others."""
    local = moment.astimezone(place)
    first, second = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
    return first - second if first is not None and second is not None else timedelta()
