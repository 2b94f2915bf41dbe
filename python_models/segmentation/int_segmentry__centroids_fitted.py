from segmentry.clustering import fit_centroids
from segmentry.settings import SegmentationSettings


def model(dbt, session):
    settings = SegmentationSettings.from_meta(dbt.config.get("meta"))
    features = dbt.ref("int_segmentry__features_transformed").df()
    selection = dbt.ref("int_segmentry__k_selected").df()
    return fit_centroids(features, selection, settings)
