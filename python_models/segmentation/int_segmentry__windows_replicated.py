from segmentry.engines.frames import frame
from segmentry.robustness import time_structure_replicates
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    window_features = frame(dbt.ref("int_segmentry__window_features_transformed"))
    features = frame(dbt.ref("int_segmentry__window_features_sampled"))
    centroids = frame(dbt.ref("int_segmentry__centroids_fitted"))
    return time_structure_replicates(window_features, features, centroids, settings, session)
