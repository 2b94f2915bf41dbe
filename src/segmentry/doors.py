"""Segments from profiles, their robustness and their validation, from Python.

Each door runs the project's own SQL on frames (`segmentry.engines.compiled`) and the functions that the
Python models of a build call. There is no second implementation. Where a build writes a row with a status, a
door raises.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segmentry.exceptions import (
    ConfigurationError,
    DataValidationError,
    InsufficientDataError,
    SegmentRejectedError,
    SensitivityTestError,
)
from segmentry.explain.facts import Decision, Returns
from segmentry.records import RobustnessScore, RobustnessTest, RuleCheck, Segment

if TYPE_CHECKING:
    import pandas as pd

    from segmentry.settings import SegmentationSettings

__all__ = ["CustomerClusterer", "SegmentValidator", "SensitivityAnalyzer"]

PROFILES = "int_segmentry__profiles_joined"
FEATURES = "int_segmentry__features_transformed"
CENTROIDS = "int_segmentry__centroids_fitted"
MEMBERS = "int_segmentry__members_assigned"
SIZES = "int_segmentry__clusters_sized"
COMPARED = "int_segmentry__cluster_features_compared"
TRAITS = "int_segmentry__segment_traits_compared"
WINDOWS = "int_segmentry__window_features_transformed"
WINDOW_BASE = "int_segmentry__window_features_sampled"
RULES = "int_segmentry__rules_checked"

SAME_PARTITION = 0.95  # share of customers on whom segments and nearest centres must agree


def _settings(**chosen: Any) -> SegmentationSettings:
    """Make the settings of a door: the project's features, the library's defaults, and what was chosen."""
    from segmentry.project import declared_vars
    from segmentry.settings import SegmentationSettings

    return SegmentationSettings.from_meta({"features": declared_vars()["segmentry_features"], **chosen})


def _sources(events: Any) -> dict[str, Any]:
    """Return what windows are built from: no merges, as the events carry the ids of the profiles."""
    from segmentry._frames import arrow_table
    from segmentry.profiles import NEEDED, _history

    return {
        "segmentry_demo_events": arrow_table(events, NEEDED, None, ids=("customer_id",)),
        "segmentry_demo_id_history": _history(None),
    }


def _known_profiles(profiles: pd.DataFrame) -> pd.DataFrame:
    from segmentry._frames import sorted_customers

    frame = sorted_customers(profiles, "The table of profiles")
    return frame.assign(customer_id=frame["customer_id"].astype("str"))


class CustomerClusterer:
    """Divides customers into segments.

    Parameters
    ----------
    n_clusters : int, optional
        Number of segments; by default the evidence chooses.
    auto_select_k : bool, default True
        Let the evidence choose where ``n_clusters`` is not given.
    seed : int, default 42
        Seed of every random draw.

    Attributes
    ----------
    selection : pandas.DataFrame
        After `cluster`: the evidence per number of segments, as the mart ``cluster_selection``. Of the two
        nulls it has that of one population: orders and visits, which the other one shuffles, are not in
        profiles.
    kind : str
        After `cluster`: ``natural``, ``reproducible`` or ``constructive``.

    Raises
    ------
    ConfigurationError
        ``n_clusters`` is below 2, or neither given nor to be chosen.

    Examples
    --------
    >>> clusterer = CustomerClusterer(n_clusters=4, seed=7)
    >>> segments = clusterer.cluster(profiles)  # doctest: +SKIP
    >>> segments[0].name, segments[0].size  # doctest: +SKIP
    ('Big frequent spenders', 125)
    """

    def __init__(self, n_clusters: int | None = None, auto_select_k: bool = True, seed: int = 42) -> None:
        if n_clusters is None and not auto_select_k:
            raise ConfigurationError(
                "n_clusters is not given and auto_select_k is False; give one, or let the evidence choose."
            )
        if n_clusters is not None and not 2 <= n_clusters <= 20:
            raise ConfigurationError(f"n_clusters is {n_clusters}; it must be from 2 to 20.")
        self.n_clusters = n_clusters
        self.seed = seed
        self.selection: pd.DataFrame | None = None
        self.kind: str | None = None

    def cluster(self, profiles: pd.DataFrame) -> list[Segment]:
        """Divide the customers.

        Parameters
        ----------
        profiles
            One row per customer with the columns of ``int_segmentry__profiles_joined``, as a build has them.

        Returns
        -------
        list of Segment
            S1, S2, ... by value. Traits that need more than profiles (seasons, categories) are not among
            ``defining_traits``.

        Raises
        ------
        DataValidationError
            A column is missing, or ids are missing or occur twice.
        InsufficientDataError
            There are too few customers.
        """
        from segmentry.clustering import fit_centroids, select_k
        from segmentry.matching import match_segments
        from segmentry.naming import name_segments

        frame = _known_profiles(profiles)
        settings = _settings(seed=self.seed, k=self.n_clusters)
        variables = {"segmentry_seed": self.seed, "segmentry_k": self.n_clusters or 0}
        features = _run([FEATURES], {PROFILES: frame}, variables)[FEATURES]
        self.selection = select_k(features, settings)
        if (self.selection["status"] == "insufficient_data").all():
            raise InsufficientDataError(
                f"There are {self.selection['reason'].iloc[0]}. "
                "Take more customers, or look at them as one group."
            )
        chosen = self.selection[self.selection["is_chosen"]]
        kind = chosen["kind"].iloc[0]
        self.kind = kind if isinstance(kind, str) else None
        centroids = fit_centroids(features, self.selection, settings)
        made = _run([MEMBERS, SIZES, COMPARED], {PROFILES: frame, CENTROIDS: centroids}, variables)
        import pandas as pd

        overlap = pd.DataFrame(
            columns=["cluster", "previous_segment_id", "shared_customers", "current_size", "previous_size"]
        )
        matched = match_segments(made[SIZES], overlap).merge(
            name_segments(made[COMPARED].rename(columns={"z_score": "z"})), on="cluster"
        )
        members = made[MEMBERS].merge(matched[["cluster", "segment_id", "segment_name"]], on="cluster")
        members = members.sort_values("customer_id", ignore_index=True)
        traits = _defining_traits(frame, members, variables)
        values = frame.set_index("customer_id")["clv"].astype(float)
        segments = []
        for segment_id, name in matched[["segment_id", "segment_name"]].itertuples(index=False):
            ids = members.loc[members["segment_id"] == segment_id, "customer_id"].tolist()
            total = round(float(values.loc[ids].sum()), 2)
            segments.append(
                Segment(
                    segment_id=segment_id,
                    name=name,
                    size=len(ids),
                    customer_ids=tuple(ids),
                    total_clv=total,
                    avg_clv=round(total / len(ids), 2),
                    defining_traits=tuple(traits.get(segment_id, ())),
                )
            )
        return segments


def _run(
    targets: Sequence[str], inputs: Mapping[str, Any], variables: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """Run models; what the input lacks is the caller's to mend."""
    import duckdb

    from segmentry.engines.compiled import CompiledModels

    models = CompiledModels(targets, variables)
    try:
        return models.run(inputs)
    except duckdb.Error as error:
        found = "A column is missing" if isinstance(error, duckdb.BinderException) else "A value is of no use"
        raise DataValidationError(
            f"{found}: {str(error).splitlines()[0]} Give the rows that a build has."
        ) from error


def _defining_traits(
    profiles: pd.DataFrame, members: pd.DataFrame, variables: Mapping[str, Any]
) -> dict[str, list[str]]:
    import pandas as pd

    days = pd.DataFrame(columns=["customer_id", "order_date"]).astype(
        {"customer_id": "str", "order_date": "datetime64[us]"}
    )
    counts = dict.fromkeys(("view_count", "cart_count", "purchase_count", "category_level"), "int64")
    affinity = pd.DataFrame(columns=["customer_id", *counts]).astype({"customer_id": "str", **counts})
    run = pd.DataFrame({"observation_end_date": [pd.Timestamp("2000-01-01")]})
    found = _run(
        [TRAITS],
        {
            PROFILES: profiles,
            "int_segmentry__members_identified": members,
            "int_segmentry__purchase_days_built": days,
            "int_segmentry__affinity_counted": affinity,
            "int_segmentry__run": run,
        },
        variables,
    )[TRAITS]
    found = found[found["is_defining"]].sort_values(["lift", "trait"], ascending=[False, True])
    return {str(key): rows["trait"].tolist() for key, rows in found.groupby("segment_id")}


class SensitivityAnalyzer:
    """Tests how far segments can be trusted.

    Parameters
    ----------
    seed : int, default 42
        Seed of every random draw.
    replicates : int, default 100
        Replicates of the bootstrap.

    Examples
    --------
    >>> scores = SensitivityAnalyzer().analyze_segments(profiles, segments)  # doctest: +SKIP
    >>> scores["S1"].overall_robustness, scores["S1"].weakest_test  # doctest: +SKIP
    (0.81, 'feature_drop')
    """

    def __init__(self, seed: int = 42, replicates: int = 100) -> None:
        self.seed = seed
        self.replicates = replicates

    def analyze_segments(
        self, profiles: pd.DataFrame, segments: Sequence[Segment], events: Any = None
    ) -> dict[str, RobustnessScore]:
        """Run the tests.

        Parameters
        ----------
        profiles
            As in `CustomerClusterer.cluster`.
        segments
            What that returned for the same profiles, or another partition of these customers by nearest
            centres.
        events
            One row per event, as docs/your-data.md says, under the ids of the profiles. Without them the time
            windows can't be tested, and their tests are missing.

        Returns
        -------
        dict of str to RobustnessScore
            By segment id.

        Raises
        ------
        SensitivityTestError
            There are no segments, a customer has no profile or is in two segments, or the segments are not
            those of nearest centres, so that refits would not be of them.
        DataValidationError
            A column is missing.
        """
        import pandas as pd

        from segmentry.robustness import (
            overall_robustness,
            robustness_replicates,
            summarise_replicates,
            time_structure_replicates,
        )

        frame = _known_profiles(profiles)
        settings = _settings(seed=self.seed, bootstrap_replicates=self.replicates)
        variables = {"segmentry_seed": self.seed}
        features = _run([FEATURES], {PROFILES: frame}, variables)[FEATURES]
        features, centroids = _model_of(features, segments, settings)
        replicates = [robustness_replicates(features, centroids, settings)]
        if events is not None:
            made = _run([WINDOWS, WINDOW_BASE], {**_sources(events), PROFILES: frame}, variables)
            base = made[WINDOW_BASE]
            base = base[base["customer_id"].isin(features["customer_id"])]
            replicates.append(time_structure_replicates(made[WINDOWS], base, centroids, settings))
        summary = summarise_replicates(pd.concat(replicates, ignore_index=True))
        overall = overall_robustness(summary).set_index("cluster")
        clean = summary.astype(object).where(summary.notna(), None)
        scores = {}
        for cluster, segment in enumerate(segments, start=1):
            rows = clean[clean["cluster"] == cluster].rename(columns={"mean": "mean_score"})
            judged = overall.loc[cluster]
            level = judged["confidence_level"]
            scores[segment.segment_id] = RobustnessScore(
                segment_id=segment.segment_id,
                overall_robustness=_known(judged["overall_robustness"]),
                weakest_test=_known(judged["weakest_test"]),
                verdict=_known(judged["verdict"]),
                confidence_level="unknown" if pd.isna(level) else level,
                tests=tuple(_test(row) for row in rows.to_dict("records")),
            )
        return scores


def _test(row: Mapping[Any, Any]) -> RobustnessTest:
    values: dict[str, Any] = {name: row[name] for name in RobustnessTest.model_fields if name in row}
    return RobustnessTest(**(values | {"verdict": values["verdict"] or "unknown"}))


def _known(value: Any) -> Any:
    return None if value is None or value != value else value


def _model_of(
    features: pd.DataFrame, segments: Sequence[Segment], settings: SegmentationSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features of the segments' customers, and the table of centres, cluster 1 being the first segment."""
    import numpy as np

    from segmentry._frames import feature_matrix
    from segmentry.clustering import assign, centroid_table, feature_names, fit_scaler

    cluster_of = {
        customer_id: cluster
        for cluster, segment in enumerate(segments, start=1)
        for customer_id in segment.customer_ids
    }
    placed = sum(len(segment.customer_ids) for segment in segments)
    if not placed or placed > len(cluster_of):
        raise SensitivityTestError(
            f"The {len(segments)} segments have {placed} members, {len(cluster_of)} of them different "
            "customers; needed is a partition: every customer in one segment."
        )
    members = features[features["customer_id"].isin(list(cluster_of))].reset_index(drop=True)
    if len(members) < len(cluster_of):
        raise SensitivityTestError(
            f"{len(cluster_of) - len(members)} customers of the segments have no profile. "
            "Pass the profiles that were clustered."
        )
    names = feature_names(members, settings)
    values = feature_matrix(members, names)
    scaler = fit_scaler(values)
    x = scaler.transform(values)
    labels = members["customer_id"].map(cluster_of).to_numpy()
    centres = np.array([x[labels == cluster].mean(axis=0) for cluster in range(1, len(segments) + 1)])
    sizes = np.bincount(labels, minlength=len(segments) + 1)[1:]
    inertias = np.array(
        [np.square(x[labels == cluster] - centre).sum() for cluster, centre in enumerate(centres, start=1)]
    )
    table = centroid_table(names, scaler, centres, sizes, inertias)
    agreement = float((assign(members, table)["cluster"].to_numpy() == labels).mean())
    if agreement < SAME_PARTITION:
        raise SensitivityTestError(
            f"Only {agreement:.0%} of the customers are in the segment with the nearest centre, fewer than "
            f"{SAME_PARTITION:.0%}: the segments were not made by clustering these features. "
            "Pass what CustomerClusterer returned."
        )
    return members, table


class ViabilityAssessment(Returns):
    """The costed campaign of a segment, and what was decided."""

    decision: Decision


class SegmentValidator:
    """Holds segments against the validation rules: those of the macro ``validation_rules``, by the same SQL.

    Parameters
    ----------
    criteria : mapping of str to number, optional
        Thresholds of rules that are not to have their default, by rule: ``{"minimum_customers": 50}``.

    Raises
    ------
    ConfigurationError
        A rule is unknown, or its threshold can't be used.

    Examples
    --------
    >>> validator = SegmentValidator({"minimum_customers": 50})  # doctest: +SKIP
    >>> [check.rule for check in validator.validate(segment, scores["S1"])]  # doctest: +SKIP
    ['minimum_customers', 'minimum_share', ...]
    """

    def __init__(self, criteria: Mapping[str, Any] | None = None) -> None:
        from segmentry.engines.compiled import CompiledModels, compiled_query

        listed = json.loads(compiled_query("{{ tojson(segmentry.validation_rules()) }}"))
        self.rules: tuple[str, ...] = tuple(str(rule["rule"]) for rule in listed)
        unknown = sorted(set(criteria or {}) - set(self.rules))
        if unknown:
            raise ConfigurationError(
                f"Unknown rule(s) {', '.join(unknown)}; the rules are {', '.join(self.rules)}."
            )
        chosen = {f"segmentry_rule_{rule}": threshold for rule, threshold in (criteria or {}).items()}
        self._models = CompiledModels([RULES], chosen)

    def validate(self, segment: Segment, robustness: RobustnessScore | None = None) -> tuple[RuleCheck, ...]:
        """Check one segment.

        Parameters
        ----------
        segment
            From `segmentry.records.load_segments` or `CustomerClusterer`. Without facts (a clusterer gives
            none) the rules on shares, returns and actions say nothing and are left out, as is the one on the
            kind, which is of all segments together.
        robustness
            Of the same segment; by default what the facts say. Without either the rules on robustness fail,
            as what was not measured does not pass.

        Returns
        -------
        tuple of RuleCheck
            In the order of the rules; all that have the severity error are passed.

        Raises
        ------
        SegmentRejectedError
            A rule of the severity error is not passed; the message has every such finding.
        DataValidationError
            The robustness is of another segment.
        """
        if robustness is not None and robustness.segment_id != segment.segment_id:
            raise DataValidationError(
                f"The robustness is of segment {robustness.segment_id!r}, not of {segment.segment_id!r}."
            )
        checks = self._checks(segment, robustness)
        failed = [check.reason for check in checks if check.severity == "error" and not check.is_passed]
        if failed:
            raise SegmentRejectedError(f"Segment {segment.segment_id!r} is rejected: {'; '.join(failed)}.")
        return checks

    def _checks(self, segment: Segment, robustness: RobustnessScore | None) -> tuple[RuleCheck, ...]:
        import pandas as pd

        facts = segment.facts
        overall, missing = _measured(segment, robustness)
        summary = {
            "segment_id": segment.segment_id,
            "customer_count": segment.size,
            "customer_share": facts.segment.customer_share if facts else None,
            "total_clv": segment.total_clv,
            "average_clv": segment.avg_clv,
            "overall_robustness": overall,
            "missing_tests": missing,
            "segmentation_kind": None,
        }
        cost = facts.returns.cost_amount if facts and segment.total_clv > 0 else None
        # Columns without a value need a type, which pandas would not give them.
        types = {name: "str" for name in ("segment_id", "missing_tests", "segmentation_kind")}
        types |= {name: "float64" for name in set(summary) - set(types) - {"customer_count"}}
        returns = {
            "segment_id": segment.segment_id,
            "roi_base": facts.returns.roi_base if facts else None,
            "cost_to_clv": None if cost is None else round(cost / segment.total_clv, 6),
            "is_shipped_assumption": facts.returns.is_shipped_assumption if facts else False,
        }
        best = [candidate for candidate in facts.best().values() if candidate] if facts else []
        actions = pd.DataFrame(
            {
                "segment_id": [segment.segment_id] * len(best),
                "candidate_rank": [1] * len(best),
                "is_actionable": [candidate.is_actionable for candidate in best],
            }
        )
        waivers = pd.DataFrame(
            {name: pd.Series([], dtype="str") for name in ("segment_id", "rule", "reason")}
            | {"expires_on": pd.Series([], dtype="datetime64[us]")}
        )
        found = self._models.run(
            {
                "int_segmentry__segments_summarised": pd.DataFrame([summary]).astype(types),
                "int_segmentry__returns_estimated": pd.DataFrame([returns]).astype(
                    {"segment_id": "str", "roi_base": "float64", "cost_to_clv": "float64"}
                ),
                "int_segmentry__actions_scored": actions.astype(
                    {"segment_id": "str", "candidate_rank": "int64", "is_actionable": "bool"}
                ),
                "stg_segmentry__validation_waivers": waivers,
                "int_segmentry__run": pd.DataFrame({"as_of": [pd.Timestamp("2000-01-01")]}),
            }
        )[RULES]
        said = {"minimum_kind"} | (
            set()
            if facts
            else {
                "minimum_share",
                "maximum_share",
                "minimum_roi",
                "maximum_cost_to_clv",
                "minimum_actionable_dimensions",
            }
        )
        rows = found.set_index("rule").drop(columns="segment_id")
        return tuple(
            RuleCheck(rule=rule, **{str(name): _known(value) for name, value in rows.loc[rule].items()})
            for rule in self.rules
            if rule not in said
        )

    def assess_viability(self, segment: Segment) -> ViabilityAssessment:
        """Give what a campaign to the segment costs and brings, and the decision.

        Parameters
        ----------
        segment
            From `segmentry.records.load_segments`.

        Returns
        -------
        ViabilityAssessment
            As the build computed it.

        Raises
        ------
        DataValidationError
            The segment carries no facts.
        """
        if segment.facts is None:
            raise DataValidationError(
                f"Segment {segment.segment_id!r} has no facts. "
                "Take segments from segmentry.records.load_segments."
            )
        return ViabilityAssessment(
            **segment.facts.returns.model_dump(), decision=segment.facts.decision.model_copy()
        )


def _measured(segment: Segment, robustness: RobustnessScore | None) -> tuple[float | None, str]:
    """Overall robustness, and the names of the tests without a score."""
    from segmentry.robustness import ALL_TESTS

    if robustness is not None:
        ran = {test.test for test in robustness.tests if test.mean_score is not None}
        return robustness.overall_robustness, ", ".join(test for test in ALL_TESTS if test not in ran)
    if segment.facts is not None:
        return segment.facts.confidence.overall_robustness, segment.facts.confidence.missing_tests
    return None, ", ".join(ALL_TESTS)
