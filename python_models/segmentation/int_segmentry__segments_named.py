from segmentry.engines.frames import frame
from segmentry.naming import name_segments


def model(dbt, session):
    features = frame(dbt.ref("int_segmentry__cluster_features_compared"))
    return name_segments(features.rename(columns={"z_score": "z"}))
