from segmentry.naming import name_segments


def model(dbt, session):
    features = dbt.ref("int_segmentry__cluster_features_compared").df()
    return name_segments(features.rename(columns={"z_score": "z"}))
