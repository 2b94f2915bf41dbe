from segmentry._frames import typed_frame
from segmentry.clustering import CENTROID_SCHEMA, fit_centroids
from segmentry.engines.frames import frame
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    kept = frame(dbt.ref("int_segmentry__earlier_centroids"))
    if len(kept):
        return typed_frame(dict(kept), CENTROID_SCHEMA)
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    features = frame(dbt.ref("int_segmentry__features_sampled"))
    selection = frame(dbt.ref("int_segmentry__k_selected"))
    return fit_centroids(features, selection, settings)
