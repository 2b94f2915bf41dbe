"""Who is one customer: the project's merge resolution on frames, and why an id is the customer that it is.

The rules are those of the dbt models, since these functions run them: docs/methods/identity.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from segmentry._frames import arrow_table
from segmentry.exceptions import (
    CircularMergeError,
    CustomerMergeError,
    DataValidationError,
    MergeChainTooDeepError,
    PipelineError,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MergeExplanation",
    "MergeResolution",
    "apply_merge_map",
    "explain_merge",
    "resolve_customer_merges",
]

NEEDED = ("old_id", "new_id", "merged_at")
OPTIONAL = ("ingested_at", "source", "operation")
MAP = "segmentry__customer_merge_map"
CONFLICTS = "segmentry__id_merge_conflicts"
CYCLES = "segmentry__id_merge_cycles"
REJECTS = "segmentry__id_merge_rejects"
RESOLVED = "int_segmentry__merges_resolved"
CLUSTERS = "int_segmentry__merge_clusters_sized"


@dataclass(frozen=True)
class MergeResolution:
    """What a merge history says.

    Attributes
    ----------
    merge_map : pandas.DataFrame
        One row per id that takes part in a merge: ``id, customer_id, depth, status, next_id, merged_at,
        source``.
    conflicts : pandas.DataFrame
        One row per merge that lost against another merge of the same id.
    cycles : pandas.DataFrame
        One row per id in a cycle, each cycle in order.
    rejects : pandas.DataFrame
        One row per row of the history that could not be used, with the reason.
    """

    merge_map: pd.DataFrame
    conflicts: pd.DataFrame
    cycles: pd.DataFrame
    rejects: pd.DataFrame


def resolve_customer_merges(
    id_history: Any,
    *,
    conflict_policy: Literal["latest", "earliest", "error"] = "latest",
    cycle_policy: Literal["quarantine", "latest_wins", "error"] = "quarantine",
    max_merge_depth: int = 20,
    max_merge_depth_policy: Literal["flag", "quarantine", "error"] = "flag",
    max_cluster_size: int = 100,
    max_cluster_size_policy: Literal["flag", "quarantine", "error"] = "flag",
    as_of: str = "",
    id_case: Literal["keep", "lower"] = "keep",
    id_placeholders: Sequence[str] | None = None,
) -> MergeResolution:
    """Resolve a history of id merges, at any depth.

    Parameters
    ----------
    id_history
        ``old_id, new_id, merged_at`` and, where known, ``ingested_at, source, operation`` (``merge`` or
        ``unmerge``): a pandas or polars frame, an Arrow table, or anything that hands out an Arrow stream.
    conflict_policy, cycle_policy
        As the vars of the project, ``segmentry_conflict_policy`` and so on.
    max_merge_depth, max_merge_depth_policy
        Merges from an id to its customer above which the policy applies, and the policy.
    max_cluster_size, max_cluster_size_policy
        Ids of one customer above which the policy applies, and the policy.
    as_of
        Only merges before this time count, ``YYYY-MM-DD[ HH:MM:SS]`` in UTC; all when empty.
    id_case
        ``lower`` when ids that differ in case alone are the same.
    id_placeholders
        Texts that stand for "no id", in lower case; those of the project when left out.

    Returns
    -------
    MergeResolution

    Raises
    ------
    DataValidationError
        A column is missing, or ids are floating point numbers.
    ConfigurationError
        A policy or limit has a value that it can't have.
    CircularMergeError
        There is a cycle and ``cycle_policy`` is ``error``; ``cycle`` holds its ids in order.
    MergeChainTooDeepError
        An id is too many merges away from its customer and ``max_merge_depth_policy`` is ``error``.
    CustomerMergeError
        There is a conflict, or a customer with too many ids, and the policy is ``error``.

    Examples
    --------
    >>> import pandas as pd
    >>> history = pd.DataFrame({"old_id": ["a", "b"], "new_id": ["b", "c"], "merged_at": "2026-01-01"})
    >>> resolve_customer_merges(history).merge_map[["id", "customer_id", "status"]].values.tolist()
    [['a', 'c', 'chain'], ['b', 'c', 'direct'], ['c', 'c', 'survivor']]
    """
    from segmentry.engines.compiled import CompiledModels

    table = arrow_table(id_history, NEEDED, OPTIONAL, ids=("old_id", "new_id"))
    models = CompiledModels(
        [MAP, CONFLICTS, CYCLES, REJECTS, RESOLVED, CLUSTERS],
        _chosen(
            conflict_policy=conflict_policy,
            cycle_policy=cycle_policy,
            max_merge_depth=max_merge_depth,
            max_merge_depth_policy=max_merge_depth_policy,
            max_cluster_size=max_cluster_size,
            max_cluster_size_policy=max_cluster_size_policy,
            merge_as_of=as_of,
            id_case=id_case,
            **({} if id_placeholders is None else {"id_placeholders": list(id_placeholders)}),
        ),
    )
    frames = models.run({"segmentry_demo_id_history": table})
    resolution = MergeResolution(
        merge_map=_sorted(frames[MAP], ["id"]),
        conflicts=_sorted(frames[CONFLICTS], ["old_id", "dropped_id"]),
        cycles=_sorted(frames[CYCLES], ["cycle_id", "position"]),
        rejects=_sorted(frames[REJECTS], ["reason", "old_id", "new_id", "merged_at"]),
    )
    if conflict_policy == "error" and len(resolution.conflicts):
        raise CustomerMergeError(
            "Ids that are merged into more than one other id: "
            f"{_some(sorted(set(resolution.conflicts['old_id'])))}. "
            "Correct the history, or set conflict_policy to latest or earliest."
        )
    cycles = resolution.cycles
    if cycle_policy == "error" and len(cycles):
        first = list(cycles.loc[cycles["cycle_id"] == cycles["cycle_id"].iloc[0], "id"])
        raise CircularMergeError(
            f"Cycles of merges: {cycles['cycle_id'].nunique():,}; the first has {len(first):,} ids: "
            f"{_some(first, ' -> ')}. "
            "Correct the history, or set cycle_policy to quarantine or latest_wins.",
            cycle=first,
        )
    placed = frames[RESOLVED]
    if cycle_policy != "latest_wins":
        placed = placed[placed["cycle_id"].isna()]
    deep = _sorted(placed[placed["depth"] > max_merge_depth], ["id"])
    if max_merge_depth_policy == "error" and len(deep):
        raise MergeChainTooDeepError(
            f"Ids more than {max_merge_depth} merges away from their customer: {len(deep):,}, "
            f"up to {deep['depth'].max():,} merges: {_some(deep['id'])}. Correct the history, "
            "raise max_merge_depth, or set max_merge_depth_policy to flag or quarantine."
        )
    large = _sorted(frames[CLUSTERS][frames[CLUSTERS]["id_count"] > max_cluster_size], ["customer_id"])
    if max_cluster_size_policy == "error" and len(large):
        raise CustomerMergeError(
            f"Customers with more than {max_cluster_size} ids: {len(large):,}, "
            f"up to {large['id_count'].max():,} ids: {_some(large['customer_id'])}. Correct the history, "
            "raise max_cluster_size, or set max_cluster_size_policy to flag or quarantine."
        )
    return resolution


def apply_merge_map(
    rows: Any,
    merge_map: Any,
    *,
    id_column: str = "customer_id",
    id_case: Literal["keep", "lower"] = "keep",
) -> pd.DataFrame:
    """Give rows that carry ids the customer of each.

    Parameters
    ----------
    rows
        A frame with the ids in ``id_column``.
    merge_map
        A `MergeResolution`, or a frame with ``id`` and ``customer_id``.
    id_column
        Column with the ids.
    id_case
        As it was when the merges were resolved.

    Returns
    -------
    pandas.DataFrame
        The rows in their order with ``customer_id``, the customer: an id in no merge is its own, an empty one
        or a placeholder is nobody. Where ``id_column`` is ``customer_id``, what was there is kept as
        ``source_customer_id``.

    Raises
    ------
    DataValidationError
        A column is missing, or ids are floating point numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> merge_map = pd.DataFrame({"id": ["a", "b"], "customer_id": ["b", "b"]})
    >>> apply_merge_map(pd.DataFrame({"user": [" a", "b", "z"]}), merge_map, id_column="user")
      user customer_id
    0    a           b
    1    b           b
    2    z           z
    """
    import duckdb
    import pyarrow as pa

    from segmentry.engines.compiled import compiled_query

    given = arrow_table(rows, (id_column,), ids=(id_column,))
    names = list(given.column_names)
    if id_column != "customer_id" and "customer_id" in names:
        raise DataValidationError(
            f"The rows have a column customer_id beside {id_column}, and the result needs the name. "
            "Rename it."
        )
    resolved = merge_map.merge_map if isinstance(merge_map, MergeResolution) else merge_map
    query = compiled_query(
        "{{ segmentry.apply_merge_map('given_ids', 'given_id', 'given_map') }}",
        json.dumps(_chosen(id_case=id_case)),
    )
    ids = pa.table({"given_id": given.column(id_column), "row_number": range(len(given))})
    pairs = arrow_table(resolved, ("id", "customer_id"), (), ids=("id", "customer_id"))
    with duckdb.connect(":memory:", config={"threads": "2"}) as connection:
        connection.register("given_ids", ids)
        connection.register("given_map", pairs)
        found = connection.sql(f"select customer_id from ({query}) order by row_number").to_arrow_table()
    names = ["source_customer_id" if name == "customer_id" else name for name in names]
    frame: pd.DataFrame = given.rename_columns(names).to_pandas()
    frame["customer_id"] = found.column("customer_id").to_pandas().set_axis(frame.index)
    return frame


@dataclass(frozen=True)
class MergeExplanation:
    """Why an id is the customer that it is; ``str()`` gives it in words.

    Attributes
    ----------
    id, customer_id : str
        The id, and the customer that it is.
    status : str
        As in ``customer_merge_map``; ``unmerged`` for an id in no merge that counts.
    depth : int
        Merges from the id to its customer.
    hops : list of dict
        The way: ``hop, old_id, new_id, merged_at, source``.
    conflicts, withdrawn, rejects : list of dict
        Merges of the id that were not followed, were taken back, or could not be used.
    id_count : int
        Ids of the customer.
    ids : list of str
        The first ten of them.
    lines : list of str
        All this in words.
    """

    id: str
    customer_id: str
    status: str
    depth: int
    hops: list[dict[str, Any]]
    conflicts: list[dict[str, Any]]
    withdrawn: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    id_count: int
    ids: list[str]
    lines: list[str]

    def __str__(self) -> str:
        """Return the explanation in words."""
        return "\n".join(self.lines)


def explain_merge(
    id_: str, database: str | Path, *, variables: Mapping[str, Any] | None = None
) -> MergeExplanation:
    """Say why an id is the customer that it is, from the tables of the last build.

    The same as ``dbt run-operation explain_merge --args '{id: ..}'``, for a DuckDB file.

    Parameters
    ----------
    id_
        The id as your tables have it.
    database
        DuckDB file of the build.
    variables
        Vars of the dbt project that the build was made with.

    Returns
    -------
    MergeExplanation

    Raises
    ------
    DataValidationError
        The file is not there.
    CustomerMergeError
        The id is empty, or the file holds no build.
    """
    from segmentry.project import run_operation

    path = Path(database)
    if not path.is_file():
        raise DataValidationError(f"The database {path} was not found. Name the file of a build.")
    try:
        said = run_operation(
            "explain_merge",
            str(path.resolve()),
            arguments={"id": id_, "as_json": True},
            variables=json.dumps(dict(variables or {})),
        )
    except PipelineError as error:
        raise CustomerMergeError(str(error)) from error
    return MergeExplanation(**json.loads(said[-1]))


def _chosen(**options: Any) -> dict[str, Any]:
    return {f"segmentry_{name}": value for name, value in options.items()}


def _sorted(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return frame.sort_values(columns, ignore_index=True)


def _some(values: Iterable[Any], separator: str = ", ") -> str:
    listed = [str(value) for value in values]
    return separator.join(listed[:10]) + (f"{separator}..." if len(listed) > 10 else "")
