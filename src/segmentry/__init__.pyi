from segmentry.doors import (
    CustomerClusterer as CustomerClusterer,
)
from segmentry.doors import (
    SegmentValidator as SegmentValidator,
)
from segmentry.doors import (
    SensitivityAnalyzer as SensitivityAnalyzer,
)
from segmentry.exceptions import (
    CircularMergeError as CircularMergeError,
)
from segmentry.exceptions import (
    ClusteringError as ClusteringError,
)
from segmentry.exceptions import (
    ConfigurationError as ConfigurationError,
)
from segmentry.exceptions import (
    CustomerMergeError as CustomerMergeError,
)
from segmentry.exceptions import (
    DataValidationError as DataValidationError,
)
from segmentry.exceptions import (
    InsufficientDataError as InsufficientDataError,
)
from segmentry.exceptions import (
    LLMError as LLMError,
)
from segmentry.exceptions import (
    LLMIntegrationError as LLMIntegrationError,
)
from segmentry.exceptions import (
    MergeChainTooDeepError as MergeChainTooDeepError,
)
from segmentry.exceptions import (
    PipelineError as PipelineError,
)
from segmentry.exceptions import (
    ProfileBuildError as ProfileBuildError,
)
from segmentry.exceptions import (
    ReportGenerationError as ReportGenerationError,
)
from segmentry.exceptions import (
    SegmentationEngineError as SegmentationEngineError,
)
from segmentry.exceptions import (
    SegmentRejectedError as SegmentRejectedError,
)
from segmentry.exceptions import (
    SensitivityTestError as SensitivityTestError,
)
from segmentry.explain.doors import (
    ActionabilityFilter as ActionabilityFilter,
)
from segmentry.explain.doors import (
    SegmentExplainer as SegmentExplainer,
)
from segmentry.identity import (
    apply_merge_map as apply_merge_map,
)
from segmentry.identity import (
    explain_merge as explain_merge,
)
from segmentry.identity import (
    resolve_customer_merges as resolve_customer_merges,
)
from segmentry.pipeline import (
    PipelineConfig as PipelineConfig,
)
from segmentry.pipeline import (
    quick_segmentation as quick_segmentation,
)
from segmentry.pipeline import (
    run_pipeline as run_pipeline,
)
from segmentry.profiles import (
    ProfileBuilder as ProfileBuilder,
)
from segmentry.profiles import (
    aggregate_categories as aggregate_categories,
)
from segmentry.profiles import (
    aggregate_purchases as aggregate_purchases,
)
from segmentry.profiles import (
    aggregate_sessions as aggregate_sessions,
)
from segmentry.profiles import (
    aggregate_temporal as aggregate_temporal,
)
from segmentry.profiles import (
    calculate_clv_estimate as calculate_clv_estimate,
)
from segmentry.records import (
    ActionabilityEvaluation as ActionabilityEvaluation,
)
from segmentry.records import (
    CustomerIdHistory as CustomerIdHistory,
)
from segmentry.records import (
    CustomerProfile as CustomerProfile,
)
from segmentry.records import (
    EventRecord as EventRecord,
)
from segmentry.records import (
    RobustnessScore as RobustnessScore,
)
from segmentry.records import (
    RobustnessTest as RobustnessTest,
)
from segmentry.records import (
    RuleCheck as RuleCheck,
)
from segmentry.records import (
    Segment as Segment,
)
from segmentry.records import (
    SegmentExplanation as SegmentExplanation,
)
from segmentry.records import (
    SegmentViability as SegmentViability,
)
from segmentry.records import (
    load_segments as load_segments,
)
from segmentry.records import (
    mart_row as mart_row,
)
from segmentry.report import (
    SegmentationReport as SegmentationReport,
)
from segmentry.report import (
    generate_segmentation_report as generate_segmentation_report,
)
from segmentry.report import (
    load_report as load_report,
)
from segmentry.report import (
    plot_actionability_by_segment as plot_actionability_by_segment,
)
from segmentry.report import (
    plot_cluster_selection as plot_cluster_selection,
)
from segmentry.report import (
    plot_robustness_heatmap as plot_robustness_heatmap,
)
from segmentry.report import (
    plot_robustness_scores as plot_robustness_scores,
)
from segmentry.report import (
    plot_segment_dashboard as plot_segment_dashboard,
)
from segmentry.report import (
    plot_segment_distribution as plot_segment_distribution,
)
from segmentry.report import (
    plot_segment_features as plot_segment_features,
)
from segmentry.report import (
    plot_segment_sizes_pie as plot_segment_sizes_pie,
)
from segmentry.report import (
    plot_viability_scores as plot_viability_scores,
)
from segmentry.report import (
    report_to_json as report_to_json,
)
from segmentry.report import (
    segment_to_summary as segment_to_summary,
)
from segmentry.results import (
    PipelineResult as PipelineResult,
)
from segmentry.synthetic import (
    GeneratorConfig as GeneratorConfig,
)
from segmentry.synthetic import (
    generate_dataset as generate_dataset,
)
from segmentry.synthetic import (
    generate_events as generate_events,
)
from segmentry.synthetic import (
    generate_id_history as generate_id_history,
)
from segmentry.synthetic import (
    generate_small_dataset as generate_small_dataset,
)

__version__: str
