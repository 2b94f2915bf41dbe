"""Errors that Segmentry raises.

Every message states what was found, what was needed and what to do about it.

::

    SegmentationEngineError
    ├── ConfigurationError          a setting is missing, unknown or out of range
    ├── DataValidationError         the input tables can't be used as they are
    ├── CustomerMergeError          the merge history can't be resolved under the chosen policy
    │   ├── CircularMergeError
    │   └── MergeChainTooDeepError
    ├── ProfileBuildError
    ├── InsufficientDataError       too few customers for what was asked
    ├── ClusteringError
    ├── SensitivityTestError
    ├── SegmentRejectedError        a segment does not pass the validation rules
    ├── LLMIntegrationError         the language model could not be reached or its answer not used
    │   └── LLMError
    ├── ReportGenerationError
    └── PipelineError               a build did not succeed
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "CircularMergeError",
    "ClusteringError",
    "ConfigurationError",
    "CustomerMergeError",
    "DataValidationError",
    "InsufficientDataError",
    "LLMError",
    "LLMIntegrationError",
    "MergeChainTooDeepError",
    "PipelineError",
    "ProfileBuildError",
    "ReportGenerationError",
    "SegmentRejectedError",
    "SegmentationEngineError",
    "SensitivityTestError",
]


class SegmentationEngineError(Exception):
    """Base of every error that Segmentry raises on purpose."""


class ConfigurationError(SegmentationEngineError):
    """A setting is missing, unknown or out of range."""


class DataValidationError(SegmentationEngineError):
    """The input tables can't be used as they are."""


class CustomerMergeError(SegmentationEngineError):
    """The merge history can't be resolved under the chosen policy."""


class CircularMergeError(CustomerMergeError):
    """The merge history contains a cycle and the policy forbids cycles.

    Attributes
    ----------
    cycle : list of str
        Ids of the first cycle, in order along the merges.
    """

    def __init__(self, message: str, *, cycle: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.cycle = list(cycle)


class MergeChainTooDeepError(CustomerMergeError):
    """A chain of merges is longer than the policy allows."""


class ProfileBuildError(SegmentationEngineError):
    """Customer profiles could not be built."""


class InsufficientDataError(SegmentationEngineError):
    """There are too few customers for what was asked."""


class ClusteringError(SegmentationEngineError):
    """Customers could not be clustered."""


class SensitivityTestError(SegmentationEngineError):
    """A robustness test could not run."""


class SegmentRejectedError(SegmentationEngineError):
    """A segment does not pass the validation rules."""


class LLMIntegrationError(SegmentationEngineError):
    """The language model could not be reached or its answer could not be used."""


class LLMError(LLMIntegrationError):
    """A single request to the language model failed."""


class ReportGenerationError(SegmentationEngineError):
    """The report could not be written."""


class PipelineError(SegmentationEngineError):
    """A build did not succeed."""
