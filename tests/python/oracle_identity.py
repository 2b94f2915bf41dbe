"""What a merge history means, told with dicts and loops: no SQL, no graph library, nothing of the models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

# The characters with the Unicode property White_Space.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)
PLACEHOLDERS = frozenset({"null", "none", "nan", "n/a", "unknown", "undefined", "0"})


@dataclass(frozen=True)
class Statement:
    """One row of a merge history: ids and operation as a user writes them, times already understood."""

    old_id: str | None
    new_id: str | None
    merged_at: datetime | None
    ingested_at: datetime | None = None
    source: str | None = None
    operation: str | None = None


@dataclass(frozen=True)
class Edge:
    """A pair of ids that counts as merged."""

    merged_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    seen_count: int
    conflict_rank: int


@dataclass(frozen=True)
class Place:
    """Where an id ends up."""

    customer_id: str
    depth: int
    status: str
    merged_at: datetime | None


@dataclass(frozen=True)
class Resolution:
    """Everything that the identity layer says about a history."""

    rejects: Counter[str]
    edges: dict[tuple[str, str], Edge]
    places: dict[str, Place]
    cycles: dict[str, list[str]]
    duplicate_count: int
    superseded_count: int
    closed_count: int


def clean(raw: str | None, id_case: str = "keep") -> str | None:
    """Return an id without white space around it; None when nothing is left."""
    if raw is None or not raw.strip(WHITE_SPACE):
        return None
    stripped = raw.strip(WHITE_SPACE)
    return stripped.lower() if id_case == "lower" else stripped


def rejection(row: Statement, latest_plausible: datetime) -> str | None:
    """Return the first reason for which a row can't be used."""
    old_id, new_id = clean(row.old_id), clean(row.new_id)
    if old_id is None:
        return "empty_old_id"
    if new_id is None:
        return "empty_new_id"
    if old_id.lower() in PLACEHOLDERS or new_id.lower() in PLACEHOLDERS:
        return "placeholder_id"
    if row.merged_at is None:
        return "missing_merged_at"
    if _operation(row) not in ("merge", "unmerge"):
        return "unknown_operation"
    if old_id == new_id:
        return "self_merge"
    if row.merged_at > latest_plausible:
        return "future_merged_at"
    return None


def resolve(
    history: Iterable[Statement],
    *,
    latest_plausible: datetime,
    conflict_policy: str = "latest",
    cycle_policy: str = "quarantine",
    merge_as_of: datetime | None = None,
    max_merge_depth: int = 20,
    max_merge_depth_policy: str = "flag",
    max_cluster_size: int = 100,
    max_cluster_size_policy: str = "flag",
) -> Resolution:
    """Say who is who at `merge_as_of` (at the end of the history when None)."""
    rejects: Counter[str] = Counter()
    by_pair: dict[tuple[str, str], list[Statement]] = {}
    for row in history:
        reason = rejection(row, latest_plausible)
        old_id, new_id = clean(row.old_id), clean(row.new_id)
        if (
            reason is None
            and merge_as_of is not None
            and row.merged_at is not None
            and row.merged_at >= merge_as_of
        ):
            reason = "after_as_of"
        if reason is not None:
            rejects[reason] += 1
        elif old_id is not None and new_id is not None:
            by_pair.setdefault((old_id, new_id), []).append(row)

    duplicates = superseded = closed = 0
    candidates: dict[str, list[tuple[str, Statement, list[Statement]]]] = {}
    for (old_id, new_id), rows in by_pair.items():
        merges = [row for row in rows if _operation(row) == "merge"]
        if not merges:
            rejects["unmerge_without_merge"] += len(rows)
            continue
        if _operation(_last(rows)) == "unmerge":
            closed += len(rows)
            continue
        duplicates += len(merges) - 1
        superseded += len(rows) - len(merges)
        speaker = _last(merges) if conflict_policy == "latest" else _first(merges)
        candidates.setdefault(old_id, []).append((new_id, speaker, merges))

    edges: dict[tuple[str, str], Edge] = {}
    target: dict[str, str] = {}
    since: dict[str, datetime] = {}
    for old_id, rivals in candidates.items():
        waiting = list(rivals)
        rank = 0
        while waiting:
            rank += 1
            best = waiting[0]
            for rival in waiting[1:]:
                if _beats(rival, best, conflict_policy):
                    best = rival
            waiting.remove(best)
            new_id, speaker, merges = best
            times = sorted(_time(row) for row in merges)
            edges[old_id, new_id] = Edge(_time(speaker), times[0], times[-1], len(times), rank)
            if rank == 1:
                target[old_id], since[old_id] = new_id, _time(speaker)

    cycles = _cycles(target)
    places = _places(target, since, cycles, cycle_policy)
    sizes = Counter(place.customer_id for place in places.values())
    for id_, place in places.items():
        if place.status in ("cycle", "leads_to_cycle"):
            continue
        if sizes[place.customer_id] > max_cluster_size:
            status, policy = "oversized", max_cluster_size_policy
        elif place.depth > max_merge_depth:
            status, policy = "too_deep", max_merge_depth_policy
        else:
            continue
        apart = policy == "quarantine"
        places[id_] = Place(
            id_ if apart else place.customer_id, 0 if apart else place.depth, status, place.merged_at
        )
    return Resolution(rejects, edges, places, cycles, duplicates, superseded, closed)


def _operation(row: Statement) -> str:
    return (row.operation or "").strip(" ").lower() or "merge"


def _time(row: Statement) -> datetime:
    assert row.merged_at is not None
    return row.merged_at


def _last(rows: list[Statement]) -> Statement:
    """Return what was said last; of statements of one moment the one that came in last, then an unmerge."""
    last = rows[0]
    for row in rows[1:]:
        if _time(row) != _time(last):
            later = _time(row) > _time(last)
        elif row.ingested_at != last.ingested_at:
            later = row.ingested_at is not None and (
                last.ingested_at is None or row.ingested_at > last.ingested_at
            )
        else:
            later = _operation(row) == "unmerge" and _operation(last) == "merge"
        if later:
            last = row
    return last


def _first(rows: list[Statement]) -> Statement:
    first = rows[0]
    for row in rows[1:]:
        if _time(row) != _time(first):
            earlier = _time(row) < _time(first)
        else:
            earlier = row.ingested_at is not None and (
                first.ingested_at is None or row.ingested_at < first.ingested_at
            )
        if earlier:
            first = row
    return first


def _beats(
    rival: tuple[str, Statement, list[Statement]],
    best: tuple[str, Statement, list[Statement]],
    conflict_policy: str,
) -> bool:
    challenger, holder = rival[1], best[1]
    if _time(challenger) != _time(holder):
        return (_time(challenger) > _time(holder)) == (conflict_policy == "latest")
    if challenger.ingested_at != holder.ingested_at:
        if challenger.ingested_at is None or holder.ingested_at is None:
            return challenger.ingested_at is not None
        return (challenger.ingested_at > holder.ingested_at) == (conflict_policy == "latest")
    return rival[0] < best[0]


def _cycles(target: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the members of each cycle in order, from the least id on."""
    cycles: dict[str, list[str]] = {}
    finished: set[str] = set()
    for start in target:
        path: list[str] = []
        seen: dict[str, int] = {}
        at: str | None = start
        while at is not None and at not in finished and at not in seen:
            seen[at] = len(path)
            path.append(at)
            at = target.get(at)
        if at is not None and at in seen:
            members = path[seen[at] :]
            turn = members.index(min(members))
            cycles[min(members)] = members[turn:] + members[:turn]
        finished.update(path)
    return cycles


def _places(
    target: Mapping[str, str],
    since: Mapping[str, datetime],
    cycles: Mapping[str, list[str]],
    cycle_policy: str,
) -> dict[str, Place]:
    open_target = dict(target)
    in_cycle = {member for members in cycles.values() for member in members}
    if cycle_policy == "latest_wins":
        for members in cycles.values():
            newest = min(members, key=lambda member: (-since[member].timestamp(), member))
            del open_target[target[newest]]
        in_cycle = set()
    places: dict[str, Place] = {}
    for id_ in sorted(set(target) | set(target.values())):
        at, depth, meets_cycle = id_, 0, id_ in in_cycle
        while at in open_target and not meets_cycle:
            at = open_target[at]
            depth += 1
            meets_cycle = at in in_cycle
        if meets_cycle:
            status = "cycle" if id_ in in_cycle else "leads_to_cycle"
            places[id_] = Place(id_, 0, status, since[id_])
        else:
            status = {0: "survivor", 1: "direct"}.get(depth, "chain")
            places[id_] = Place(at, depth, status, since[id_] if depth else None)
    return places
