"""Names from differences."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from segmentry.exceptions import DataValidationError
from segmentry.naming import VOCABULARY, name_segments

KNOWN = sorted({feature for feature, _ in VOCABULARY})


def named(*clusters: dict[str, float | None]) -> list[str]:
    rows = [
        {"cluster": number, "feature": feature, "z": z}
        for number, features in enumerate(clusters, start=1)
        for feature, z in features.items()
    ]
    return name_segments(pd.DataFrame(rows, columns=["cluster", "feature", "z"]))["segment_name"].tolist()


OTHER = {"refund_rate": 2.0}


@pytest.mark.parametrize(
    ("features", "name"),
    [
        ({"average_order_value": 1.5, "weekend_share": 0.8}, "Big weekend spenders"),
        ({"weekend_share": 1.5, "average_order_value": 0.8}, "Big weekend spenders"),
        ({"recency_days": 1.2, "discounted_order_share": 0.9}, "Lapsed bargain hunters"),
        ({"tenure_days": -1.5, "pages_per_session": 0.7}, "New browsers"),
        ({"order_rate": -1.5, "tenure_days": 0.1}, "Occasional buyers"),
        ({"order_rate": 1.5, "average_order_value": 1.0}, "Frequent big buyers"),
        ({"recency_days": -0.9}, "Recent customers"),
        ({"cart_abandonment_rate": 1.0, "visit_rate": 0.9}, "Engaged cart abandoners"),
        ({"recency_days": 0.2, "order_rate": -0.2}, "Typical customers"),
        ({"recency_days": None, "order_rate": float("nan")}, "Typical customers"),
        ({"gift_share": 1.4}, "Customers with high gift share"),
        ({"clv_12m": -1.4, "recency_days": 1.0}, "Lapsed customers with low CLV 12m"),
        ({"b_x": 1.0, "a_x": 1.0}, "Customers with high a x and high b x"),
    ],
)
def test_grammar(features: dict[str, float | None], name: str) -> None:
    assert named(features, OTHER)[0] == name


def test_a_single_segment_is_everybody() -> None:
    assert named({"recency_days": 0.0}) == ["All customers"]


def test_more_words_only_where_needed() -> None:
    one = {"recency_days": 1.2, "discounted_order_share": 0.9, "weekend_share": 0.5, "tenure_days": 0.4}
    two = {"recency_days": 1.4, "discounted_order_share": 0.8, "weekend_share": -0.5}
    three = {"average_order_value": 1.2, "weekend_share": 0.5, "tenure_days": -0.4}
    assert named(one, two, three) == [
        "Lapsed weekend bargain hunters",
        "Lapsed weekday bargain hunters",
        "Big weekend spenders",
    ]


def test_numbers_where_no_word_helps() -> None:
    assert named({"order_rate": 1.0}, {"order_rate": 2.0}, {}, {"tenure_days": 0.0}) == [
        "Frequent buyers",
        "Frequent buyers 2",
        "Typical customers",
    ]


def test_basis_says_where_the_words_come_from() -> None:
    frame = pd.DataFrame(
        {
            "cluster": [1, 1, 2],
            "feature": ["recency_days", "gift_share", "order_rate"],
            "z": [1.234, -0.9, 0.1],
        }
    )
    table = name_segments(frame)
    assert table["name_basis"][0] == "recency_days high (z +1.23); gift_share low (z -0.90)"
    assert "no feature differs" in table["name_basis"][1]


@budget(max_examples=150, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*KNOWN, "unknown_a", "unknown b", "customers"]),
            st.floats(-3, 3, allow_nan=False).map(lambda z: round(z, 1)),
            min_size=1,
        ),
        min_size=1,
        max_size=9,
    )
)
def test_names_are_unique_and_independent_of_row_order(clusters: list[dict[str, float]]) -> None:
    rows = [
        {"cluster": number, "feature": feature, "z": z}
        for number, features in enumerate(clusters)
        for feature, z in features.items()
    ]
    frame = pd.DataFrame(rows)
    table = name_segments(frame)
    assert table["segment_name"].is_unique
    assert table["cluster"].tolist() == list(range(len(clusters)))
    assert all(name == name.strip() and name[0].isupper() for name in table["segment_name"])
    pd.testing.assert_frame_equal(table, name_segments(frame.iloc[::-1]))


def test_every_known_feature_reads_well_alone() -> None:
    names = {
        (feature, sign): named({feature: sign * 2.0}, {"unknown": 1.0})[0]
        for feature in KNOWN
        for sign in (1, -1)
    }
    assert not any(" with " in name or "  " in name for name in names.values())
    assert all(names[feature, 1] != names[feature, -1] for feature in KNOWN)


def test_the_shipped_features_have_words() -> None:
    project = yaml.safe_load((Path(__file__).parents[2] / "dbt_project.yml").read_text())
    shipped = {feature["name"] for feature in project["vars"]["segmentry"]["segmentry_features"]}
    assert shipped
    assert shipped <= set(KNOWN)


def test_empty_and_refused() -> None:
    empty = name_segments(pd.DataFrame({"cluster": [], "feature": [], "z": []}))
    assert empty.columns.tolist() == ["cluster", "segment_name", "name_basis"]
    with pytest.raises(DataValidationError, match="twice"):
        name_segments(pd.DataFrame({"cluster": [1, 1], "feature": ["a", "a"], "z": [1.0, 2.0]}))
    with pytest.raises(DataValidationError, match="lacks"):
        name_segments(pd.DataFrame({"cluster": [1]}))
