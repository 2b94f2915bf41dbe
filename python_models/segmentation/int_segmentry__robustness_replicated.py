from segmentry.engines.frames import frame
from segmentry.robustness import robustness_replicates
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    features = frame(dbt.ref("int_segmentry__features_sampled"))
    centroids = frame(dbt.ref("int_segmentry__centroids_fitted"))
    return robustness_replicates(features, centroids, settings, session)
