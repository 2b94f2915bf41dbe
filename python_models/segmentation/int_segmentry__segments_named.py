from segmentry._frames import typed_frame
from segmentry.engines.frames import frame
from segmentry.naming import NAME_SCHEMA, name_segments


def model(dbt, session):
    kept = frame(dbt.ref("int_segmentry__earlier_centroids"), list(NAME_SCHEMA), distinct=True)
    if len(kept):
        return typed_frame(dict(kept), NAME_SCHEMA)
    features = frame(dbt.ref("int_segmentry__cluster_features_compared"))
    return name_segments(features.rename(columns={"z_score": "z"}))
