from segmentry.robustness import time_structure_replicates
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    window_features = dbt.ref("int_segmentry__window_features_transformed").df()
    features = dbt.ref("int_segmentry__window_features_sampled").df()
    centroids = dbt.ref("int_segmentry__centroids_fitted").df()
    return time_structure_replicates(window_features, features, centroids, settings)
