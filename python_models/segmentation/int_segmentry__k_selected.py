from segmentry.clustering import select_k
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    features = dbt.ref("int_segmentry__features_transformed").df()
    shuffled_features = dbt.ref("int_segmentry__shuffled_features_transformed").df()
    return select_k(features, settings, shuffled_features)
