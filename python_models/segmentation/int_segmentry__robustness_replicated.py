from segmentry._frames import typed_frame
from segmentry.engines.frames import frame
from segmentry.robustness import REPLICATE_SCHEMA, robustness_replicates
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    kept = frame(dbt.ref("int_segmentry__earlier_replicates"))
    if len(kept):
        return typed_frame(dict(kept), REPLICATE_SCHEMA)
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    features = frame(dbt.ref("int_segmentry__features_sampled"))
    centroids = frame(dbt.ref("int_segmentry__centroids_fitted"))
    return robustness_replicates(features, centroids, settings, session)
