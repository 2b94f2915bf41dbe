"""Settings of the segmentation, as the dbt project hands them to its Python models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from segmentry.exceptions import ConfigurationError

__all__ = ["Feature", "SegmentationSettings"]

VAR_PREFIX = "segmentry_"


class Feature(BaseModel):
    """One column that customers are clustered on.

    Parameters
    ----------
    name
        The column in the feature table.
    block
        Features of one block are dropped together in the feature-drop test; by default each is its own.
    transform
        What SQL did to the column before it came here: nothing, or ``log1p``.
    unit, label
        What the numbers count and what people call the feature; shown, not used.

    Examples
    --------
    >>> Feature(name="order_rate", transform="log1p").block
    'order_rate'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    block: str = ""
    transform: Literal["none", "log1p"] = "none"
    unit: str = ""
    label: str = ""

    @model_validator(mode="before")
    @classmethod
    def _own_block(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and not given.get("block"):
            return {**given, "block": given.get("name", "")}
        return given


def _read_text(given: Any) -> Any:
    """Undo what Jinja does to a var on its way through YAML: everything becomes text."""
    if not isinstance(given, str):
        return given
    if given.strip().lower() in ("", "none", "null"):
        return None
    try:
        return json.loads(given)
    except json.JSONDecodeError:
        return given


class SegmentationSettings(BaseModel):
    """Every setting of k selection, the base model and the robustness tests.

    Examples
    --------
    >>> SegmentationSettings(k=5).k_max
    10
    >>> SegmentationSettings.from_meta({"segmentry_k": "None", "segmentry_seed": "7"}).seed
    7
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=42, ge=0)
    k_min: int = Field(default=2, ge=2)
    k_max: int = Field(default=10, ge=2)
    k_method: Literal["auto", "elbow", "silhouette", "stability"] = "auto"
    k: Annotated[int | None, BeforeValidator(_read_text)] = Field(default=None, ge=2)
    minimum_customers: int = Field(default=50, ge=2)
    fit_sample_customers: int = Field(default=50_000, ge=100)
    silhouette_sample_customers: int = Field(default=10_000, ge=100)
    kind_sample_customers: int = Field(default=2_000, ge=100)
    null_replicates: int = Field(default=20, ge=0)
    n_init: int = Field(default=10, ge=1)
    bootstrap_replicates: int = Field(default=100, ge=2)
    bootstrap_fixed_customers: int = Field(default=20_000, ge=100)
    bootstrap_fpc: bool = False
    seed_replicates: int = Field(default=20, ge=1)
    features: Annotated[tuple[Feature, ...], BeforeValidator(_read_text)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min is {self.k_min}, more than k_max, which is {self.k_max}")
        names = [feature.name for feature in self.features]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"features named twice: {', '.join(twice)}")
        return self

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Self:
        """Read the settings from the ``config.meta`` block of a dbt model.

        Parameters
        ----------
        meta
            Names with or without the prefix ``segmentry_``; values typed or as the text that Jinja
            makes of them (lists as JSON). What is left out has its default.

        Raises
        ------
        ConfigurationError
            When a name is unknown or a value out of range.
        """
        try:
            return cls.model_validate({name.removeprefix(VAR_PREFIX): value for name, value in meta.items()})
        except ValidationError as error:
            found = "; ".join(
                f"{VAR_PREFIX}{'.'.join(str(part) for part in problem['loc']) or '*'}: {problem['msg']}"
                f" (found {problem['input']!r})"
                for problem in error.errors(include_url=False)
            )
            raise ConfigurationError(
                f"The segmentation settings can't be used: {found}. Correct the vars in dbt_project.yml."
            ) from error
