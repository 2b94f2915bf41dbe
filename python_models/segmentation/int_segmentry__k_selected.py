from segmentry._frames import typed_frame
from segmentry.clustering import SELECTION_SCHEMA, select_k
from segmentry.engines.frames import frame
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    kept = frame(dbt.ref("int_segmentry__earlier_selection"))
    if len(kept):
        return typed_frame(dict(kept), SELECTION_SCHEMA)
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    features = frame(dbt.ref("int_segmentry__features_sampled"))
    shuffled_features = frame(dbt.ref("int_segmentry__shuffled_features_transformed"))
    return select_k(features, settings, shuffled_features, session)
