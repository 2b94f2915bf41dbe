from segmentry.robustness import robustness_replicates
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    features = dbt.ref("int_segmentry__features_transformed").df()
    centroids = dbt.ref("int_segmentry__centroids_fitted").df()
    return robustness_replicates(features, centroids, settings)
